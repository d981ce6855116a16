"""What pages share for a moment must not outlive a test."""

import pytest

from routing.counts import forget_all


@pytest.fixture(autouse=True)
def nothing_is_known_yet():
    forget_all()
