"""What pages remember for a while must not outlive a test; a browser for those that ask for one."""

import pytest
from django.core.cache import cache

from routing.database.short_lived import forget_all
from tests.pages.browser import chromium, visit

__all__ = ["chromium", "visit"]


@pytest.fixture(autouse=True)
def nothing_is_known_yet():
    forget_all()
    # What was noted once within the hour, and how often somebody has tried something.
    cache.clear()
