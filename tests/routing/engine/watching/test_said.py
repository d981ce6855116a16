"""What scripts have written so far, read by another process than the one that ran them."""

import os

from routing.engine.watching.said import Said, lines_of
from scripts_app.core.outcome import LogLine


def line(message: str, number: int | None = 1) -> LogLine:
    return LogLine("info", message, 1, number)


def test_a_parent_reads_what_a_child_that_was_killed_has_said() -> None:
    said = Said()
    child = os.fork()
    if not child:
        said.clear()
        said.add("item", line("first\nline, \N{MICRO SIGN}"))
        said.add("application", line("second", None))
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    assert lines_of(said.read()) == [
        ("item", line("first\nline, \N{MICRO SIGN}")),
        ("application", line("second", None)),
    ]


def test_the_next_image_begins_with_nothing_said() -> None:
    said = Said()
    said.add("item", line("of the image before"))
    said.clear()
    assert lines_of(said.read()) == []
    said.add("item", line("of this one"))
    assert lines_of(said.read()) == [("item", line("of this one"))]


def test_what_has_no_room_is_left_out_and_all_before_it_stays() -> None:
    said = Said()
    written = [line(f"{number} {'x' * 100_000}") for number in range(30)]
    for each in written:
        said.add("item", each)
    kept = lines_of(said.read())
    assert kept == [("item", each) for each in written[: len(kept)]]
    assert len(kept) == 20


def test_what_is_no_line_is_left_out() -> None:
    assert lines_of(b'["item", "info", "told", 1, 2]\n["nothing"]\n{\n\xff\xfe\n["item", "info", "cut') == [
        ("item", LogLine("info", "told", 1, 2))
    ]
