"""MatchExpression: which kind it is, and what it matches."""

from __future__ import annotations

import pytest

from scripts_app.core.conditions.errors import WrongCondition
from scripts_app.core.conditions.pattern import read_pattern


@pytest.mark.parametrize(
    ("expression", "kind", "matching", "other"),
    [
        ("CT", "literal", ["CT"], ["MR", "CTA", "ct", " CT", ""]),
        ("CT$", "literal", ["CT$"], ["CT"]),
        ("CHEST.PA", "literal", ["CHEST.PA"], ["CHEST-PA"]),
        ("DOE^JOHN", "literal", ["DOE^JOHN"], ["DOE", "DOE^JOHN^A"]),
        ("HEAD/NECK, 5%", "literal", ["HEAD/NECK, 5%"], ["HEAD"]),
        ("1.2.840.10008.5.1.4.1.1.2", "digits", ["1.2.840.10008.5.1.4.1.1.2"], ["1.2.840.10008.5.1.4.1.1.20"]),
        ("1.2", "digits", ["1.2"], ["1x2", "11.2", "1.2.3"]),
        ("000000", "digits", ["000000"], ["0", "0000000"]),
        ("^CT", "regex", ["CT", "CTA"], ["ACT"]),
        ("^CT$", "regex", ["CT"], ["CTA", "ACT"]),
        ("(?i)chest|abdomen", "regex", ["CHEST", "upper Abdomen"], ["HEAD"]),
        ("CT|MR", "regex", ["CT", "MR", "XMRX"], ["US"]),
        ("[CM][TR]", "regex", ["CT", "MR", "CR"], ["US"]),
        (r"\d{3}", "regex", ["a123b"], ["12"]),
        ("A+", "regex", ["AAA"], ["B"]),
        (r"^ORIGINAL\\.*$", "regex", ["ORIGINAL\\PRIMARY\\AXIAL"], ["ORIGINAL", "DERIVED\\SECONDARY"]),
        ("^(?!CT$).*$", "regex", ["MR", "CTA"], ["CT"]),
        ("*VASCULAR*", "wildcard", ["VASCULAR", "US VASCULAR LEG"], ["US", "vascular"]),
        ("CHEST.*PA", "wildcard", ["CHEST.PA", "CHEST. AND PA"], ["CHEST PA", "CHESTXPA"]),
        ("C?", "wildcard", ["CT", "CR"], ["C", "CTA"]),
        ("*", "wildcard", ["x", "line\nbreak"], []),
        ("DOE^*", "wildcard", ["DOE^JOHN"], ["DOE"]),
    ],
)
def test_the_kind_is_decided_in_the_documented_order(
    expression: str, kind: str, matching: list[str], other: list[str]
) -> None:
    pattern = read_pattern(expression)
    assert pattern.kind == kind
    assert [value for value in matching if not pattern.matches(value)] == []
    assert [value for value in other if pattern.matches(value)] == []


@pytest.mark.parametrize(
    ("expression", "matching", "other"),
    [
        (r"^(?<year>\d{4})-\k<year>$", ["2024-2024"], ["2024-2025"]),
        (r"^(?'q'.)x\k'q'$", ["axa"], ["axb"]),
        (r"^a(?i)b|c", ["aB", "ab", "xC"], ["Ab"]),
        (r"^x(a(?i)b|c)d$", ["xaBd", "xCd"], ["xaBD", "XCd"]),
        (r"^(?i:ab)c$", ["ABc"], ["ABC"]),
        (r"^(?-i:ab)$", ["ab"], ["AB"]),
        (r"^a\z", ["a"], ["a\n"]),
        (r"^a\Z", ["a", "a\n"], ["ab"]),
        (r"^[a-z-[aeiou]]+$", ["xyz"], ["xaz", "-"]),
        (r"^[\w-[\d_]]+$", ["abc"], ["a1"]),
        (r"^[[]x$", ["[x"], ["x"]),
        (r"^[]x]+$", ["]x"], ["y"]),
        (r"^[^]]+$", ["a"], ["]"]),
        (r"^[a&&b|~]+$", ["a&&b"], ["c"]),
        (r"^x{,3}$", ["x{,3}"], ["xx"]),
        (r"^\p{L}+$", ["abcä"], ["a1"]),
        (r"^[\p{Nd}x]+$", ["1x2"], ["a"]),
        (r"^\ca\e$", ["\x01\x1b"], ["ca"]),
        (r"^(?>a+)b$", ["aab"], ["a"]),
        (r"^a(?#why)b$", ["ab"], ["a"]),
        (r"(?<=x)a(?<!y)(?=b)", ["xab"], ["ab"]),
        (r"^(a)?(?(1)b|c)$", ["ab", "c"], ["b", "ac"]),
        (r"^(?<n>a)?(?(n)b|c)$", ["ab", "c"], ["b"]),
        (r"^(?<a>x)(?<b>y)\1\2$", ["xyxy"], ["xyyx"]),
        (r"^(?<a>x)(y)\k<a>$", ["xyx"], ["xyy"]),
        (r"^(x)(y)\1$", ["xyx"], ["xyy"]),
        (r"^\(\[\]\)$", ["([])"], ["[]"]),
        (r"^\u0041$", ["A"], ["B"]),
    ],
)
def test_the_net_dialect_is_understood(expression: str, matching: list[str], other: list[str]) -> None:
    pattern = read_pattern(expression)
    assert [value for value in matching if not pattern.matches(value)] == []
    assert [value for value in other if pattern.matches(value)] == []


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "MatchExpression is missing"),
        ("((", "not closed"),
        ("a)|", "')' without '('"),
        ("[a-", "[ at position 1 is not closed"),
        ("^*", "not a valid regular expression"),
        (r"\p{Greek}", r"the category \p{Greek} cannot be used here"),
        (r"^(?<a-b>x)", "balancing groups cannot be used here"),
        (r"\Gx", r"\G cannot be used here"),
        ("(?x)a b", "the option 'x' cannot be used here"),
        (r"^(?<=a+)b", "not a valid regular expression"),
        ("(?#open", "a comment is not closed"),
        (r"^(?<a>x)(y)\1$", "the number of a group beside named ones"),
        (r"^(?<a>x)(y)?(?(1)b|c)$", "the number of a group beside named ones"),
        ("^x{99999999999}", "not a valid regular expression"),
        ("\\", "not a valid regular expression"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(expression: str, words: str) -> None:
    with pytest.raises(WrongCondition) as refused:
        read_pattern(expression)
    assert words in str(refused.value)
    assert expression in str(refused.value)
