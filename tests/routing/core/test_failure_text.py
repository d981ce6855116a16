"""Failures of one cause have one text, failures of two causes have two."""

import pytest

from routing.core.failure_text import mark, normalised

KEY = b"synthetic"


@pytest.mark.parametrize(
    ("text", "common"),
    [
        ("", ""),
        ("  \n ", ""),
        ("connection refused\nTraceback of 3 lines", "connection refused"),
        (
            "gave up after 2 attempts: 0xA700 (Failure: Refused: Out of Resources)",
            "gave up after # attempts: 0xA700 (Failure: Refused: Out of Resources)",
        ),
        (
            "no connection to RESEARCH at 192.0.2.30 port 104: connection refused",
            "no connection to RESEARCH at 192.0.2.30 port 104: connection refused",
        ),
        ("libs/check.lua:14: no match for 'P-4711'", "libs/check.lua:14: no match for …"),
        ('entry 3, line 9: "A" and “B”', "entry 3, line 9: … and …"),
        ("instance 1.2.826.0.1.3680043.8.498.7 is damaged", "instance (UID) is damaged"),
        ("silent since 2026-11-20 02:10:00 and 02:10:07.5", "silent since (time) and (time)"),
        ("sent 12 of 40.5 MB", "sent # of # MB"),
        ("does not accept JPEG 2000 since 2000", "does not accept JPEG 2000 since #"),
        ("JPEG2000 and CT_1 and 16bit stay", "JPEG2000 and CT_1 and 16bit stay"),
        ("(0010,0020) is 70 long", "(0010,0020) is # long"),
        ("x" * 500, "x" * 200),
    ],
)
def test_what_differs_from_image_to_image_is_left_out(text, common):
    assert normalised(text) == common
    assert normalised(common) == common


def test_one_cause_has_one_mark_and_another_cause_another():
    first = mark("gave up after 2 attempts: 0xA700 (Out of Resources)", KEY)
    assert first == mark("gave up after 7 attempts: 0xA700 (Out of Resources)", KEY)
    assert first != mark("gave up after 2 attempts: 0x0122 (SOP class not supported)", KEY)
    assert first != mark("gave up after 2 attempts: 0xA700 (Out of Resources)", b"another")
    assert len(first) == 12


def test_text_that_cannot_be_encoded_has_a_mark():
    assert len(mark("half a pair \ud800", KEY)) == 12
