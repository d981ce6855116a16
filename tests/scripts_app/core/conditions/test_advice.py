"""How patterns are read, in words, and what is rarely meant."""

import pytest

from scripts_app.core.conditions.advice import reading, traps


@pytest.mark.parametrize(
    ("expression", "words"),
    [("CT", "literal"), ("1.2.840", "digits"), ("^CT$", "regular"), ("CT*", "wildcard"), ("", ""), ("^(", "")],
)
def test_a_pattern_is_read_in_words(expression, words):
    assert words in reading(expression)
    assert bool(reading(expression)) == bool(words)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("CT$", r"write ^CT$"),
        ("CHEST*$", r"write ^CHEST.*$"),
        ("CHEST.*PA", "the dot is a plain dot"),
        ("CHEST.PA", "? stands for one character"),
        ("(CT|MR)", "in the middle"),
        ("CT ", "blanks"),
        ("^(?!CT$)", "look-ahead"),
    ],
)
def test_a_trap_is_told(expression, words):
    assert any(words in told for told in traps(expression)), traps(expression)


@pytest.mark.parametrize(
    "expression", ["CT", "CT*", "1.2.840.*", "^CT$", "^(CT|MR)$", r"^ORIGINAL\\.*$", "^(?!CT$).*$", "", "^("]
)
def test_good_patterns_are_left_alone(expression):
    assert traps(expression) == []
