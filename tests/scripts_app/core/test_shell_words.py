"""Values of an image in commands of the shell and in patterns: each as one word, and nothing runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scripts_app.core.builders import only_report, printed

SHELL_NAMES = ["$(touch {0})", "`touch {0}`", "'; touch {0}; '", "x\ntouch {0}", "\\'; touch {0} #", "--help"]


@pytest.mark.fault(73, "names such as $(touch x), with quotes and line feeds, handed to a program by sh_quote")
@pytest.mark.parametrize("name", SHELL_NAMES)
def test_a_quoted_value_reaches_the_program_as_one_word_and_runs_nothing(name: str, tmp_path: Path) -> None:
    value = name.format(tmp_path / "ran")
    script = f"""
        study.value = [==[{value}]==]
        local file = io.popen(sh_quote('printf', '<%s>', '--', study.value, 'a b'))
        print(file:read('a'))
        assert(os.execute(sh_quote('test', study.value, '=', study.value)))
    """
    assert printed(script) == [f"<--><{value}><a b>"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("call", "why"), [("sh_quote('a', nil)", "argument 2 is nil"), ("sh_quote('\\0')", "a NUL")])
def test_what_no_command_can_hold_is_an_error_at_its_line(call: str, why: str) -> None:
    report = only_report(f"\n{call}")
    assert why in report.reason and report.line == 2


@pytest.mark.fault(74, "[abc, %b, (( and others as patterns of find, match, gsub and gmatch")
@pytest.mark.parametrize("value", ["[abc", "%b", "((", "%", "[%a-", "%f", "%1"])
@pytest.mark.parametrize("call", ["find(v)", "match(v)", "gsub(v, '%1')", "gmatch(v)()"])
def test_a_value_that_is_no_pattern_is_an_error_that_says_what_to_write(value: str, call: str) -> None:
    report = only_report(f"local v = '{value}'\nlocal _ = ('some text'):{call}")
    assert report.line == 2
    assert "find(text, value, 1, true)" in report.reason
