"""Whether everything of a study arrived, as numbers and as a sentence."""

import pytest

from routing.core.states import QueueState
from routing.core.study_tally import Progress, Tally, answer


def test_what_was_received_is_the_sum_of_all_states():
    counts = {state.value: number for number, state in enumerate(QueueState, start=1)}
    tally = Tally.of(counts)
    assert tally.received == sum(counts.values())
    parts = (tally.delivered, tally.waiting, tally.dropped, tally.failed, tally.rejected, tally.expired)
    assert tally.received == sum(parts)
    assert tally.to_send == tally.received - counts["Dropped"]


@pytest.mark.parametrize(
    ("counts", "progress", "words"),
    [
        ({"Delivered": 120}, Progress.COMPLETE, "120 of 120 delivered"),
        ({"Delivered": 118, "Failed": 2}, Progress.STUCK, "118 of 120 delivered, 2 failed"),
        ({"Delivered": 1, "New": 1, "Prepared": 2}, Progress.UNDER_WAY, "1 of 4 delivered, 3 waiting"),
        ({"Delivered": 3, "Dropped": 2}, Progress.COMPLETE, "3 of 3 delivered, 2 dropped by a script"),
        ({"Dropped": 2}, Progress.NOTHING_TO_SEND, "2 dropped by a script"),
        ({"Dropped": 3, "deleted": 2}, Progress.NOTHING_TO_SEND, "1 dropped by a script, 2 deleted by a person"),
        ({"Rejected": 1, "Expired": 1, "New": 1}, Progress.STUCK, "0 of 3 delivered, 1 waiting, 1 rejected, 1 expired"),
        ({}, Progress.NOTHING_TO_SEND, "nothing received"),
    ],
)
def test_a_destination_has_a_verdict_and_words(counts, progress, words):
    tally = Tally.of(counts)
    assert (tally.progress, tally.words()) == (progress, words)


@pytest.mark.parametrize(
    ("destinations", "sentence"),
    [
        ({"PACS": {"Delivered": 120}}, "Yes: all 120 images arrived at PACS."),
        (
            {"AI": {"Delivered": 3}, "PACS": {"Delivered": 3}, "VNA": {"Dropped": 3}},
            "Yes: all 3 images arrived at AI and PACS.",
        ),
        ({"PACS": {"Delivered": 1}}, "Yes: 1 image arrived at PACS."),
        ({"AI": {"Delivered": 1}, "PACS": {"Delivered": 1}}, "Yes: 1 image arrived at AI and PACS."),
        (
            {"AI": {"Delivered": 2}, "PACS": {"Delivered": 4, "Dropped": 1}},
            "Yes: all images arrived, 2 at AI and 4 at PACS.",
        ),
        (
            {"AI": {"Prepared": 1, "Delivered": 2}, "PACS": {"Delivered": 3}},
            "Not yet: 1 of 3 images is on the way to AI.",
        ),
        ({"AI": {"New": 2}, "PACS": {"New": 2}}, "Not yet: 2 of 2 images are on the way to AI and 2 of 2 to PACS."),
        ({"AI": {"Delivered": 118, "Failed": 2}}, "No: AI lacks 2 of 120 images (2 failed)."),
        (
            {"AI": {"Failed": 1, "Rejected": 1}, "PACS": {"Prepared": 2}},
            "No: AI lacks 2 of 2 images (1 failed, 1 rejected); 2 more are on the way to PACS.",
        ),
        (
            {"AI": {"Failed": 1, "New": 1}, "PACS": {"Prepared": 2}, "VNA": {"Delivered": 2}},
            "No: AI lacks 1 of 2 images (1 failed); 1 more is on the way to AI and 2 to PACS.",
        ),
        ({"PACS": {"Dropped": 5}}, "There was nothing to send: scripts dropped all of it."),
        (
            {"PACS": {"Delivered": 4, "Dropped": 1, "deleted": 1}},
            "Yes: all 4 images arrived at PACS, but 1 image for PACS was deleted by a person.",
        ),
        ({"PACS": {"Dropped": 5, "deleted": 5}}, "Nothing was sent: 5 images for PACS were deleted by a person."),
        (
            {"AI": {"Dropped": 2, "deleted": 2}, "PACS": {"Dropped": 3, "deleted": 1}},
            "Nothing was sent: 2 images for AI and 1 for PACS were deleted by a person; scripts dropped the rest.",
        ),
        ({}, "Nothing of it is known here."),
    ],
)
def test_the_answer_is_one_sentence(destinations, sentence):
    assert answer({title: Tally.of(counts) for title, counts in destinations.items()}) == sentence
