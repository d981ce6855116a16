"""What stored tests expect, and how a difference is told."""

import pytest

from scripts_app.core.expectation import expected_of, mismatches


def change(keyword, new, tag="0010,0010"):
    return {"tag": tag, "keyword": keyword, "old": "x", "new": new}


def output(destination, *changes, original=False):
    return {"destination": destination, "original": original, "changes": list(changes)}


def result(*outputs, verdict="prepared", message=""):
    return {"result": verdict, "message": message, "outputs": list(outputs)}


BEFORE = result(output("PACS", original=True), output("AI", change("PatientName", "ANON")))


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (BEFORE, []),
        (result(output("PACS", original=True)), ["nothing goes to AI (copy)"]),
        (
            result(*BEFORE["outputs"], output("NEW")),
            ["an image goes to NEW (copy), which is not expected"],
        ),
        (
            result(output("PACS", original=True), output("AI", change("PatientName", "OTHER"))),
            ["AI (copy): 0010,0010 PatientName becomes 'OTHER', expected 'ANON'"],
        ),
        (
            result(output("PACS", original=True), output("AI")),
            ["AI (copy): 0010,0010 PatientName stays as received, expected 'ANON'"],
        ),
        (
            result(output("PACS", change("PatientName", None), original=True), BEFORE["outputs"][1]),
            ["PACS: 0010,0010 PatientName becomes removed, expected as received"],
        ),
        (result(verdict="failed", message="entry 1: no"), ["the result is failed: entry 1: no, expected prepared"]),
    ],
)
def test_every_difference_is_told(after, told):
    assert mismatches(expected_of(BEFORE, BEFORE), after) == told


def test_each_of_several_edits_at_one_place_is_expected():
    """The item that is removed is the first one each time."""
    twice, once = (result(output("PACS", *[change("", None, "0008,1110[1]")] * times)) for times in (2, 1))
    assert mismatches(expected_of(twice, twice), twice) == []
    assert mismatches(expected_of(twice, twice), once) == [
        "PACS (copy): 0008,1110[1] (2) stays as received, expected removed"
    ]


def edited(sum_, *changes):
    return result({**output("PACS", *changes), "sum": sum_})


def test_edits_inside_sequences_are_judged_by_what_they_come_to():
    first, gone = change("CodeValue", "1", "0008,1110[1].0008,0100"), change("", None, "0008,1110[1]")
    expected = expected_of(edited("aa", first, gone), edited("aa", first, gone))
    assert mismatches(expected, edited("aa", first, gone)) == []
    assert mismatches(expected, edited("aa", first, first, gone)) == []
    assert mismatches(expected, edited("bb", gone, first)) == [
        "PACS (copy): the items of sequences are edited in another order, and become others"
    ]
    assert mismatches(expected, edited("bb", first)) == [
        "PACS (copy): 0008,1110[1] stays as received, expected removed"
    ]
    new_each_time = expected_of(edited("aa", first, gone), edited("bb", first, gone))
    assert mismatches(new_each_time, edited("cc", first, gone)) == []


def test_what_is_new_at_each_run_may_be_anything_but_must_be_changed():
    runs = [result(output("AI", change("SOPInstanceUID", uid))) for uid in ("1.2", "1.3", "1.4")]
    expected = expected_of(runs[0], runs[1])
    assert mismatches(expected, runs[2]) == []
    (told,) = mismatches(expected, result(output("AI")))
    assert "stays as received, expected a new value" in told
