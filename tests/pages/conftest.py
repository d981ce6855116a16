"""What pages share for a moment must not outlive a test; a browser for those that ask for one."""

import pytest

from routing.counts import forget_all
from tests.pages.browser import chromium, visit

__all__ = ["chromium", "visit"]


@pytest.fixture(autouse=True)
def nothing_is_known_yet():
    forget_all()
