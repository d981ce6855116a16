"""Samples of a profiler as a tree for each stage."""

from tests.bench.profiles import report


def test_samples_are_summed_below_the_function_of_their_stage() -> None:
    lines = report(
        [
            "main (a.py:1);Preparer.step (routing/engine/prepare.py:9);run (b.py:3);0x7f (l.so);lua_call (l.so) 60",
            "main (a.py:1);Preparer.step (routing/engine/prepare.py:9);run (b.py:3) 20",
            "main (a.py:1);Preparer.step (routing/engine/prepare.py:9);write (c.py:3) 20",
            "main (a.py:1);Preparer.step (routing/engine/prepare.py:9);rare (c.py:9) 1",
            "main (a.py:1);Preparer.step (tests/other.py:1);run (b.py:3) 70",
            "main (a.py:1);somewhere_else (d.py:1) 500",
        ]
    )
    assert lines == [
        "### Prepare",
        "",
        "101 samples.",
        "",
        "```text",
        "100.0 % Preparer.step (routing/engine/prepare.py)",
        " 79.2 %   run (b.py)",
        " 59.4 %     lua_call (l.so)",
        " 19.8 %   write (c.py)",
        "```",
    ]


def test_stages_without_samples_are_left_out() -> None:
    assert report(["main (a.py:1) 5"]) == []
