"""Numbers of a router that has run for years."""

import re

import pytest

from tests.pages.people import visitor


@pytest.mark.django_db
def test_a_large_number_is_drawn_as_one(monkeypatch):
    monkeypatch.setattr("routing.views.dashboard.counts_by_state", lambda: {"Failed": 99_999, "Delivered": 100_000})
    page = visitor("viewer").get("/").content.decode()
    drawn = re.findall(r'class="(figure[^"]*)">(\d+\W\d+)<', page)
    assert drawn == [("figure", "99\u202f999"), ("figure long", "100\u202f000")]
