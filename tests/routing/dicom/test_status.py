"""What each DIMSE status means for the item, and its words."""

import pytest

from routing.dicom.status import Answer, describe, meaning


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0x0000, Answer.DELIVERED),
        (0x0001, Answer.WARNING),
        (0x0107, Answer.WARNING),
        (0x0116, Answer.WARNING),
        (0xB000, Answer.WARNING),
        (0xB006, Answer.WARNING),
        (0xB007, Answer.WARNING),
        (0xBFFF, Answer.WARNING),
        (None, Answer.DEFERRED),
        (0xA700, Answer.DEFERRED),
        (0xA7FF, Answer.DEFERRED),
        (0x0110, Answer.DEFERRED),
        (0x0213, Answer.DEFERRED),
        (0xFF00, Answer.DEFERRED),
        (0xA800, Answer.REFUSED),
        (0xA900, Answer.REFUSED),
        (0xC000, Answer.REFUSED),
        (0xCFFF, Answer.REFUSED),
        (0x0111, Answer.REFUSED),
        (0x0117, Answer.REFUSED),
        (0x0122, Answer.REFUSED),
        (0x0124, Answer.REFUSED),
        (0x0211, Answer.REFUSED),
        (0xFE00, Answer.REFUSED),
        (0x1234, Answer.REFUSED),
    ],
)
def test_each_status_has_its_meaning(status: int | None, expected: Answer) -> None:
    assert meaning(status) is expected


@pytest.mark.fault(102)
def test_a_duplicate_after_an_unknown_outcome_is_delivered() -> None:
    assert meaning(0x0111, maybe_sent_before=True) is Answer.DELIVERED
    assert meaning(0xC000, maybe_sent_before=True) is Answer.REFUSED


def test_a_context_that_is_not_accepted_is_refused() -> None:
    assert meaning(None, refused_context=True) is Answer.REFUSED


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0x0000, "0x0000 (Success)"),
        (0xA700, "0xA700 (Failure: Refused: Out of Resources)"),
        (0xB007, "0xB007 (Warning: Data Set Does Not Match SOP Class)"),
        (0x0122, "0x0122 (Failure: Refused: SOP Class Not Supported)"),
        (0xFF00, "0xFF00 (Pending)"),
        (0x0001, "0x0001 (Warning)"),
        (0xBFFF, "0xBFFF (Warning)"),
        (0xA800, "0xA800 (Failure)"),
        (0x1234, "0x1234 (unknown status)"),
        (None, "no answer"),
    ],
)
def test_a_status_is_put_in_words(status: int | None, words: str) -> None:
    assert describe(status) == words
