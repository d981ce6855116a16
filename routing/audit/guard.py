"""Triggers in the database: audit records are not changed, and removed only after a link of the chain announced it."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate

_TABLES = {
    "routing_auditrecord": "removed_record",
    "routing_auditseal": "removed_seal",
}
"""Table, and the column of the seals that says up to which number rows may go."""
_REFUSAL = "the audit log is only added to"
UID = "guard of the audit log"


def connect(app: AppConfig) -> None:
    """Off before every ``migrate``, on after it: SQLite makes changed tables anew, which triggers hinder."""
    pre_migrate.connect(_before_migrate, sender=app, dispatch_uid=UID)
    post_migrate.connect(_after_migrate, sender=app, dispatch_uid=UID)


def _before_migrate(using: str, **_: Any) -> None:
    unguard(using)


def _after_migrate(using: str, **_: Any) -> None:
    guard(using)


def guard(using: str = "default") -> None:
    """Put the triggers in place, unless they are."""
    with connections[using].cursor() as cursor:
        there = set(connections[using].introspection.table_names(cursor))
        if there.issuperset(_TABLES):
            for statement in _STATEMENTS[connections[using].vendor]():
                cursor.execute(statement)


def unguard(using: str = "default") -> None:
    """Take the triggers away; for those who make a database anew."""
    with connections[using].cursor() as cursor:
        for table in _TABLES:
            for deed in ("update", "delete"):
                on = f" ON {table}" if connections[using].vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{deed}{on}")


def _sqlite() -> list[str]:
    statements = []
    for table, column in _TABLES.items():
        newest = f"SELECT MAX({column}) FROM routing_auditseal"  # noqa: S608  a name of our own, nothing from outside
        statements += [
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_update BEFORE UPDATE ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_delete BEFORE DELETE ON {table} "
            f"WHEN OLD.id > COALESCE(({newest}), 0) "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
        ]
    return statements


def _postgresql() -> list[str]:
    statements = [
        "CREATE OR REPLACE FUNCTION routing_audit_refuse() RETURNS trigger AS $$ "
        f"BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$ LANGUAGE plpgsql"
    ]
    for table, column in _TABLES.items():
        newest = f"SELECT MAX({column}) FROM routing_auditseal"  # noqa: S608  a name of our own, nothing from outside
        statements += [
            f"CREATE OR REPLACE FUNCTION {table}_refuse() RETURNS trigger AS $$ BEGIN "
            f"IF OLD.id > COALESCE(({newest}), 0) THEN RAISE EXCEPTION '{_REFUSAL}'; END IF; RETURN OLD; "
            "END $$ LANGUAGE plpgsql",
            f"CREATE OR REPLACE TRIGGER {table}_no_update BEFORE UPDATE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION routing_audit_refuse()",
            f"CREATE OR REPLACE TRIGGER {table}_no_delete BEFORE DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION {table}_refuse()",
        ]
    return statements


_STATEMENTS = {"sqlite": _sqlite, "postgresql": _postgresql}
