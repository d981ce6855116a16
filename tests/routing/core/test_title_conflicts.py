"""Two claims to one called AE title are told, with who gets it."""

from routing.core.ae_title import KnownTitle
from routing.core.title_conflicts import conflicts


def known(ae_title: str, *aliases: str) -> KnownTitle:
    return KnownTitle(1, ae_title, aliases, True)


def told(*nodes: KnownTitle, prefix: str = "DCP_") -> list[str]:
    return [str(conflict) for conflict in conflicts(nodes, "CAPACITOR", prefix)]


def test_titles_that_are_claimed_once_are_no_conflict() -> None:
    assert told(known("PACS", "ARCHIVE", "PACS"), known("AI")) == []


def test_an_alias_that_is_another_nodes_title_leads_to_the_node() -> None:
    assert told(known("PACS"), known("AI", "PACS")) == [
        "PACS is the AE title of a node and an alias of AI; it leads to PACS"
    ]


def test_a_title_that_begins_with_the_prefix_takes_it_from_the_other_node() -> None:
    assert told(known("PACS"), known("DCP_PACS"))[0] == (
        "DCP_PACS is DCP_ before PACS and the AE title of a node; it leads to DCP_PACS"
    )
    assert told(known("PACS"), known("DCP_PACS"), prefix="") == []


def test_the_same_alias_twice_leads_to_one_of_them() -> None:
    assert told(known("PACS", "X"), known("AI", "X")) == ["X is an alias of PACS and an alias of AI; it leads to PACS"]


def test_the_routers_own_title_is_nobodys_alias() -> None:
    assert told(known("PACS", "CAPACITOR")) == [
        "CAPACITOR is the router's own AE title and an alias of PACS; it leads to CAPACITOR"
    ]
