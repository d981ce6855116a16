"""The roles outlive a test that is no transaction: it ends with a flush, which takes what migrations have made."""

from collections.abc import Generator
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from pytest_django.plugin import blocking_manager_key


def ends_with_a_flush(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    return marker is not None and bool(marker.kwargs.get("transaction"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    yield
    # After the last test the database itself is gone.
    if ends_with_a_flush(item) and nextitem is not None and not ends_with_a_flush(nextitem):
        with item.config.stash[blocking_manager_key].unblock():
            import_module("routing.migrations.0002_roles").make_roles(apps, connection.schema_editor())
