"""Nothing starts on a database that a newer version has used."""

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from routing.database_file import DatabaseInDanger, look
from tests.builders import node

pytestmark = pytest.mark.django_db


def test_a_database_of_a_newer_version_is_refused_by_what_is_not_known():
    node("PACS")
    look()
    MigrationRecorder(connection).record_applied("routing", "0999_of_tomorrow")
    # Other apps are libraries, whose versions this program does not decide on.
    MigrationRecorder(connection).record_applied("axes", "0999_of_tomorrow")
    with pytest.raises(DatabaseInDanger, match=r"a newer version of the router \(routing\.0999_of_tomorrow is not"):
        look()
