"""What somebody hears of a page: one heading that says what it is, none left out below, and columns with names."""

import re
from itertools import pairwise

import pytest

from tests.pages.busy_router import busy_router
from tests.pages.people import visitor, words
from tests.pages.rehearsed import rehearsed

pytestmark = pytest.mark.django_db
PAGES = [
    *("/", "/traffic/", "/queue/", "/failures/", "/quarantine/", "/queue/200/", "/queue/200/elements/"),
    *("/queue/ask/?action=retry&scope=matching", "/queue/ask/?action=move&scope=matching", "/queue/ask/?action=replay"),
    *("/studies/", "/studies/1.2.826.0.1.3680043.8.498.0/"),
    *("/nodes/", "/nodes/1/", "/nodes/new/", "/nodes/1/status/", "/nodes/4/delete/", "/nodes/called/?called=PACS"),
    *("/senders/", "/senders/1/", "/senders/new/", "/logs/", "/logs/audit/", "/password/", "/nothing/"),
    *("/scripts/", "/scripts/entries/1/", "/scripts/entries/new/", "/scripts/libraries/file/libs/check.lua"),
    *("/scripts/libraries/new/", "/scripts/draft/", "/scripts/versions/", "/scripts/versions/3/"),
    *("/scripts/samples/", "/scripts/tests/", "/scripts/rehearsals/", "/scripts/rehearsals/1/"),
    "/scripts/rehearsals/1/item/200/",
]


def test_each_page_has_one_first_heading_and_leaves_out_no_level():
    busy_router()
    rehearsed()
    administrator = visitor("administrator", phi=True)
    for place in PAGES:
        page = administrator.get(place).content.decode()
        # The list of keys is a dialog with a heading of its own.
        main = page[page.index("<main") : page.index("</main>")]
        levels = [int(level) for level in re.findall(r"<h([1-6])\b", main)]
        assert levels.count(1) == 1 and levels[0] == 1, f"{place}: {levels}"
        assert all(after <= before + 1 for before, after in pairwise(levels)), f"{place}: {levels}"
        assert "<th></th>" not in main, place


def test_a_called_ae_title_that_was_left_empty_is_told():
    assert "No called AE title was given." in words(visitor().get("/nodes/called/?called="))
