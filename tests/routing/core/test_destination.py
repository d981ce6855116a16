"""Which node a script means, and what it is told when it means none."""

import re

import pytest

from routing.core.ae_title import KnownTitle, TitleBook
from routing.core.destination import storage_node
from scripts_app.core.ports import UnknownDestination


def book(*titles, disabled=()):
    nodes = [KnownTitle(number, title, (), title not in disabled) for number, title in enumerate(titles)]
    return TitleBook(nodes, "CAPACITOR", "DCP_")


def test_a_prefixed_title_means_the_node():
    assert storage_node(book("PACS"), " DCP_PACS ") == "PACS"


@pytest.mark.parametrize(
    ("titles", "asked", "told"),
    [
        (("PACS", "AI"), "PASC", "no Storage node has the AE title 'PASC'; did you mean 'PACS'?"),
        (("PACS", "ARCHIVE"), "XYZ", "'XYZ'; there are ARCHIVE, PACS"),
        (("PACS",), "XYZ", "'XYZ'; there is only PACS"),
        (("A1", "A2", "A3", "A4", "A5", "A6", "A7"), "XYZ", "there are A1, A2, A3, A4, A5 and 2 more"),
        ((), "XYZ", "'XYZ'; there is no enabled Storage node"),
        (("OLD",), "OLD", "destination 'OLD' is disabled"),
        (("OLD",), "XYZ", "there is no enabled Storage node"),
    ],
)
def test_a_title_that_means_none_is_told_with_those_that_do(titles, asked, told):
    with pytest.raises(UnknownDestination, match=re.escape(told)):
        storage_node(book(*titles, disabled=("OLD",)), asked)
