"""Which images can reach an entry."""

import pytest

from scripts_app.core.reach import called_titles, contradictions, passes

TITLES = {"PACS": "PACS", "DCP_PACS": "PACS", "AI": "AI", "CAPACITOR": "CAPACITOR"}


@pytest.mark.parametrize(
    ("ae_titles", "called"),
    [
        ([], []),
        (["PACS"], ["PACS", "DCP_PACS"]),
        ([" AI ", "CAPACITOR"], ["AI", "CAPACITOR"]),
        (["GONE"], []),
    ],
)
def test_the_titles_that_lead_to_an_entry(ae_titles, called):
    assert called_titles(ae_titles, TITLES) == called


def test_an_entry_without_titles_lets_everybody_pass():
    assert passes([], "ANY")
    assert passes(["PACS "], "PACS")
    assert not passes(["PACS"], "AI")


def condition(tag, pattern, *inside, search=False, creator=""):
    columns = {"tag": tag, "match_expression": pattern, "search": search, "private_tag_creator": creator}
    return {**columns, "sequence_items": list(inside)}


@pytest.mark.parametrize(
    "conditions",
    [
        [condition("Modality", "CT"), condition("0008,0060", "MR")],
        [condition("InstanceNumber", "1"), condition("InstanceNumber", "2")],
        [condition("ProcedureCodeSequence", "", condition("CodeValue", "A"), condition("CodeValue", "B"))],
    ],
    ids=["keyword and number", "digits", "in one item"],
)
def test_what_no_image_meets_is_told(conditions):
    (told,) = contradictions(conditions)
    assert "no image meets both" in told


@pytest.mark.parametrize(
    "conditions",
    [
        [condition("Modality", "CT"), condition("Modality", "CT")],
        [condition("Modality", "CT"), condition("Modality", "C*")],
        [condition("Modality", "CT"), condition("StationName", "MR")],
        [condition("CodeValue", "A", search=True), condition("CodeValue", "B", search=True)],
        [condition("0011,1001", "A", creator="ONE"), condition("0011,1001", "B", creator="TWO")],
        [condition("Modalty", "A"), condition("Modality", "^(")],
    ],
    ids=["twice the same", "a pattern", "other elements", "anywhere", "other creators", "wrong ones"],
)
def test_what_an_image_may_meet_is_not(conditions):
    assert contradictions(conditions) == []
