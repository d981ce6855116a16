"""A test that is no transaction ends with a flush; those after it find roles and numbers as after the migrations."""

from collections.abc import Generator
from importlib import import_module

import pytest
from django.apps import apps
from django.core.management.color import no_style
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_migrate
from django.test import override_settings
from pytest_django.plugin import blocking_manager_key
from whitenoise.middleware import WhiteNoiseMiddleware

from routing.audit.guard import UID
from routing.folders import spool_folder
from routing.spool.spool import Spool
from tests.faults.recording import (
    effort,
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_runtest_setup,
    seen,
)
from tests.quick_passwords import PASSWORD_HASHERS

__all__ = [
    "effort",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_runtest_setup",
    "seen",
]


@pytest.fixture(scope="session", autouse=True)
def tables_can_be_emptied(django_db_modify_db_settings: None) -> None:
    """A test that is no transaction ends with a DELETE from every table, which the guard of the audit log refuses."""
    post_migrate.disconnect(sender=apps.get_app_config("routing"), dispatch_uid=UID)


@pytest.fixture(scope="session", autouse=True)
def a_tests_transaction_keeps_its_connection() -> Generator[None, None, None]:
    """
    What renews its connection as it goes, or closes it before it forks, does not end the transaction of its test.

    SQLite in memory does the same by itself: its connection is its database, and none is ever closed.
    """
    close = BaseDatabaseWrapper.close

    def unless_a_tests(self: BaseDatabaseWrapper) -> None:
        blocks = self.atomic_blocks
        if not blocks or any(not block._from_testcase for block in blocks):
            close(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseDatabaseWrapper, "close", unless_a_tests)
        yield


@pytest.fixture(scope="session", autouse=True)
def the_shared_folder_has_a_spool() -> None:
    """Rows without a spool mean that it is lost; whichever test is the first must not be the one to find that."""
    Spool(spool_folder(), "none").mark()


@pytest.fixture(scope="session", autouse=True)
def static_files_are_looked_for_once() -> Generator[None, None, None]:
    """Each client loads the middleware anew, and took longer for all static files than most pages take."""
    look = WhiteNoiseMiddleware.add_files_from_finders
    found: dict[str, object] = {}

    def once(self: WhiteNoiseMiddleware) -> None:
        if not found:
            look(self)
            found.update(self.files)
        self.files.update(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", once)
        yield


@pytest.fixture(scope="session", autouse=True)
def passwords_are_checked_quickly() -> Generator[None, None, None]:
    """A password that is made or checked costs a third of a second on purpose."""
    with override_settings(PASSWORD_HASHERS=PASSWORD_HASHERS):
        yield


def ends_with_a_flush(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    return marker is not None and bool(marker.kwargs.get("transaction"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    yield
    # After the last test the database itself is gone.
    if ends_with_a_flush(item) and nextitem is not None and not ends_with_a_flush(nextitem):
        with item.config.stash[blocking_manager_key].unblock():
            with connection.cursor() as cursor:
                for statement in connection.ops.sequence_reset_by_name_sql(
                    no_style(), connection.introspection.sequence_list()
                ):
                    cursor.execute(statement)
            import_module("routing.migrations.0002_roles").make_roles(apps, connection.schema_editor())
