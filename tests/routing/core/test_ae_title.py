"""What a called AE title means (D1), what a legal one is, and which known one is nearest."""

import pytest

from routing.core.ae_title import IllegalAETitle, KnownTitle, Meaning, Resolution, TitleBook, checked


def book(*nodes: KnownTitle, own: str = "CAPACITOR", prefix: str = "DCP_") -> TitleBook:
    return TitleBook(nodes, own, prefix)


def known(node_id: int, ae_title: str, *aliases: str, enabled: bool = True) -> KnownTitle:
    return KnownTitle(node_id, ae_title, aliases, enabled)


PACS = known(1, "PACS", "OLD_PACS", " SPACED ")


@pytest.mark.parametrize("called", ["PACS", "DCP_PACS", "OLD_PACS", "SPACED", "  PACS  ", "PACS    "])
def test_title_prefixed_title_and_alias_mean_the_node_with_or_without_padding(called: str) -> None:
    assert book(PACS).resolve(called) == Resolution(Meaning.NODE, "PACS", 1)


@pytest.mark.parametrize("called", ["pacs", "PAC", "DCP_OLD_PACS", "DCP_", "", "   "])
def test_anything_else_is_unknown_and_case_counts(called: str) -> None:
    assert book(PACS).resolve(called) == Resolution(Meaning.UNKNOWN, called.strip(" "))


def test_the_routers_own_title_is_unaddressed() -> None:
    assert book(PACS).resolve(" CAPACITOR ") == Resolution(Meaning.UNADDRESSED, "CAPACITOR")


@pytest.mark.parametrize("called", ["PACS", "DCP_PACS", "OLD_PACS"])
def test_every_title_of_a_disabled_node_is_disabled(called: str) -> None:
    assert book(known(1, "PACS", "OLD_PACS", enabled=False)).resolve(called).meaning is Meaning.DISABLED


def test_without_a_prefix_there_are_no_prefixed_titles() -> None:
    assert book(PACS, prefix="").resolve("DCP_PACS").meaning is Meaning.UNKNOWN


def test_an_alias_never_takes_a_nodes_place() -> None:
    assert book(known(1, "PACS"), known(2, "AI", "PACS", "DCP_PACS")).resolve("PACS").node_id == 1
    assert book(known(2, "AI", "PACS", "DCP_PACS"), known(1, "PACS")).resolve("DCP_PACS").node_id == 1


def test_of_two_nodes_with_one_alias_the_first_has_it() -> None:
    assert book(known(1, "A", "BOTH"), known(2, "B", "BOTH")).resolve("BOTH").node_id == 1


def test_an_alias_never_takes_the_routers_place_but_a_nodes_own_title_does() -> None:
    assert book(known(1, "PACS", "CAPACITOR")).resolve("CAPACITOR").meaning is Meaning.UNADDRESSED
    assert book(known(1, "TOR"), own="CAPACITOR", prefix="CAPACI").resolve("CAPACITOR").meaning is Meaning.UNADDRESSED
    assert book(known(1, "CAPACITOR")).resolve("CAPACITOR").node_id == 1


@pytest.mark.parametrize(
    ("called", "nearest"), [("pacs", "PACS"), ("PACS1", "PACS"), ("AI_SERVR", "AI_SERVER"), ("ZZZZ", ""), ("", "")]
)
def test_the_nearest_title_helps_and_nothing_far_away_is_offered(called: str, nearest: str) -> None:
    assert book(known(1, "PACS"), known(2, "AI_SERVER")).nearest(called) == nearest


def test_a_disabled_node_is_never_the_nearest() -> None:
    assert book(known(1, "PACS", enabled=False)).nearest("PACS1") == ""


def test_titles_lists_every_way_to_every_node() -> None:
    assert book(PACS).titles() == {"PACS": "PACS", "DCP_PACS": "PACS", "OLD_PACS": "PACS", "SPACED": "PACS"}


@pytest.mark.parametrize("ae_title", ["A", "SIXTEEN_LETTERS_", " PADDED ", "WITH SPACE", "~!#"])
def test_a_legal_ae_title_comes_back_trimmed(ae_title: str) -> None:
    assert checked(ae_title) == ae_title.strip(" ")


@pytest.mark.parametrize(
    ("ae_title", "words"),
    [
        ("", "must not be empty"),
        ("    ", "must not be empty"),
        ("SEVENTEEN_LETTERS", "has 17 characters"),
        ("A\\B", "not allowed"),
        ("A\nB", "not allowed"),
        ("A\x00B", "not allowed"),
        ("Ärzte", "not allowed"),
    ],
)
def test_an_illegal_ae_title_says_what_is_wrong(ae_title: str, words: str) -> None:
    with pytest.raises(IllegalAETitle, match=words):
        checked(ae_title)
