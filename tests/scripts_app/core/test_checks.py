"""Single expectations of a stored test, each with what it says when it is not met."""

import pytest

from scripts_app.core.checks import Check, checks_of, readings_of, with_checks
from scripts_app.core.conditions.pattern import read_pattern
from scripts_app.core.expectation import expected_of, mismatches

PATTERNS = ("^(ANON|REAL)", "REAL*", "B*")


def read(name):
    """What a run tells of one output; the patterns are matched there."""
    told = [
        ["PatientName", "", True, name, False],
        ["PatientID", "", False, None, False],
        ["ReferencedImageSequence", "", True, None, False],
        ["ReferencedImageSequence.StudyID", "", False, None, False, "it has 2 items: say which"],
    ]
    return {"read": told + [["PatientName", each, True, name, read_pattern(each).matches(name)] for each in PATTERNS]}


RESULT = {
    "result": "prepared",
    "message": "",
    "outputs": [
        {"destination": "PACS", "original": True, "changes": []},
        {"destination": "AI", "original": False, "changes": []},
    ],
    "item_log": ["seen CT"],
    "log": [{"level": "info", "message": "routed to AI"}],
    "details": {"outputs": [read("REAL^NAME"), read("ANON")]},
}


@pytest.mark.parametrize(
    "check",
    [
        Check("goes", "AI"),
        Check("not", "RESEARCH"),
        Check("equals", "AI", "PatientName", "ANON"),
        Check("matches", "", "PatientName", "^(ANON|REAL)"),
        Check("matches", "PACS", "PatientName", "REAL*"),
        Check("absent", "", "PatientID"),
        Check("log", value="CT"),
        Check("log", value="routed"),
    ],
)
def test_what_is_met_says_nothing(check):
    assert check.problem() == ""
    assert list(check.failures(RESULT)) == []


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (Check("goes", "RESEARCH"), ["nothing goes to RESEARCH"]),
        (Check("not", "AI"), ["an image goes to AI"]),
        (Check("equals", "AI", "PatientName", r"A\B"), [r"AI: PatientName is 'ANON', expected 'A\B'"]),
        (Check("equals", "", "PatientName", "ANON"), ["PACS: PatientName is 'REAL^NAME', expected 'ANON'"]),
        (Check("equals", "AI", "PatientID", "1"), ["AI: PatientID is absent, expected '1'"]),
        (Check("matches", "AI", "PatientName", "B*"), ["AI: PatientName is 'ANON', expected to match 'B*'"]),
        (Check("absent", "AI", "PatientName"), ["AI: PatientName is 'ANON', expected absent"]),
        (
            Check("equals", "AI", "ReferencedImageSequence", "x"),
            ["AI: ReferencedImageSequence has no text, expected 'x'"],
        ),
        (
            Check("absent", "AI", "ReferencedImageSequence.StudyID"),
            ["AI: ReferencedImageSequence.StudyID cannot be read: it has 2 items: say which"],
        ),
        (Check("absent", "RESEARCH", "PatientName"), ["PatientName for RESEARCH: nothing goes there"]),
        (Check("log", value="MR"), ["no log line contains 'MR'"]),
    ],
)
def test_what_is_not_met_is_told(check, told):
    assert list(check.failures(RESULT)) == told


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (Check("sings"), "'sings' is no kind of expectation"),
        (Check("goes"), "choose a destination"),
        (Check("log"), "write what"),
        (Check("equals", "", "PatientNam", "x"), "nearest is 'PatientName'"),
        (Check("absent", "", "A[.B"), "element is absent"),
        (Check("matches", "", "PatientName", "^("), "a parenthesis is not closed"),
        (Check("matches", "", "PatientName", ""), "MatchExpression is missing"),
    ],
)
def test_what_cannot_be_checked_is_refused(check, told):
    assert told in check.problem()


def test_with_the_rest_exactly_or_by_themselves():
    kept = expected_of(RESULT, RESULT)
    checks = [Check("goes", "RESEARCH")]
    assert mismatches(with_checks(kept, [], exactly=True), RESULT) == []
    other = {**RESULT, "outputs": RESULT["outputs"][:1]}
    assert mismatches(with_checks(kept, checks, exactly=True), other) == [
        "nothing goes to AI (copy)",
        "nothing goes to RESEARCH",
    ]
    assert mismatches(with_checks(kept, checks, exactly=False), other) == ["nothing goes to RESEARCH"]


def test_only_elements_have_to_be_read():
    checks = [
        Check("equals", "", "PatientName", "x"),
        Check("matches", "AI", "PatientName", "A*"),
        Check("log", value="x"),
    ]
    expected = with_checks({}, checks, exactly=False)
    assert readings_of(expected) == [("PatientName", ""), ("PatientName", "A*")]
    assert checks_of(expected) == checks
    assert checks_of({}) == []
