"""What pages remember for a while must not outlive a test; a browser for those that ask for one."""

import pytest
from django.core.cache import cache

from routing.database.short_lived import forget_all
from routing.folders import spool_folder
from routing.spool.spool import Spool
from tests.pages.browser import chromium, visit

__all__ = ["chromium", "visit"]


@pytest.fixture(scope="session", autouse=True)
def the_shared_folder_has_a_spool():
    """Rows without a spool mean that it is lost; whichever page is asked first must not be the one to find that."""
    Spool(spool_folder(), "none").mark()


@pytest.fixture(autouse=True)
def nothing_is_known_yet():
    forget_all()
    # What was noted once within the hour, and how often somebody has tried something.
    cache.clear()
