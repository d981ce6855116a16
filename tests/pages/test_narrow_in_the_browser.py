"""Pages with little room: long words, a phone, and the same widths by a zoom of 200 %."""

import pytest

from tests.pages.browser import SIZES, assert_readable
from tests.pages.site import running_site

pytestmark = pytest.mark.browser
UNBROKEN = ("/senders/", "/scripts/rehearsals/1/", "/scripts/rehearsals/1/item/200/")
TOO_WIDE = """[...document.querySelectorAll('main h1, main table:not(.beside)')].filter(
    (part) => part.getBoundingClientRect().right > part.parentElement.getBoundingClientRect().right + 1
).map((part) => part.textContent.trim().slice(0, 40))"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with running_site(tmp_path_factory.mktemp("narrow") / "data") as running:
        running.elsewhere("from tests.pages.rehearsed import *\nbusy_router('W' * 200)\nrehearsed('W' * 200)")
        yield running


@pytest.mark.parametrize("size", SIZES)
def test_what_has_no_blank_to_break_at_is_broken(site, visit, size):
    opened = visit("administrator", size=size)
    for address in UNBROKEN:
        opened.goto(site.url + address)
        assert_readable(opened, address)
        assert opened.evaluate(TOO_WIDE) == [], address
