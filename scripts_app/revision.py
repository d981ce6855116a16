"""One number that grows whenever a script, library or condition changes, so that workers know when to load again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db import connection, models, transaction
from django.db.models.signals import post_delete, post_save

Read = TypeVar("Read")


class ScriptRevision(models.Model):
    """The one row (id 1) that counts changes of the scripts."""

    number = models.PositiveBigIntegerField(default=1)

    class Meta:
        app_label = "scripts_app"

    def __str__(self) -> str:
        return f"revision {self.number}"


def revision() -> int:
    """How often the scripts have changed; 0 before the first change.  One look at a one-row table."""
    with connection.cursor() as cursor:
        # Workers ask every few milliseconds; to build the query would take longer than to answer it.
        cursor.execute(f"SELECT number FROM {ScriptRevision._meta.db_table} WHERE id = 1")  # noqa: S608
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def as_of_one_moment(read: Callable[[], Read]) -> Read:
    """What ``read`` finds; it reads again when a change between its queries would mix two states of the scripts."""
    while True:
        before = revision()
        found = read()
        # Each change counts, so it shows here.
        if revision() == before:
            return found


def hold() -> None:
    """
    Let nobody else change the scripts until the end of this transaction, for each change counts here.

    Whoever reads them to change them holds them first: on PostgreSQL another
    one would read the same and write at the same time.  It comes before every
    other lock, such as those of nodes and of the draft, or two may wait for
    each other.
    """
    row = ScriptRevision.objects.select_for_update().filter(id=1)
    if row.first() is None:
        # Before the first change there is nothing to lock.
        ScriptRevision.objects.get_or_create(id=1)
        row.first()


def grow(**_signal: Any) -> None:
    """Count one change; to be called in the transaction that makes it."""
    row = ScriptRevision.objects.filter(id=1)
    one_more = {"number": models.F("number") + 1}
    if not row.update(**one_more):
        _, created = ScriptRevision.objects.get_or_create(id=1)
        if not created:
            row.update(**one_more)


def count_changes_of(table: type[Revised]) -> None:
    """Let every saved or deleted row of ``table`` count."""
    post_save.connect(grow, sender=table)
    post_delete.connect(grow, sender=table)


class RevisedQuerySet(models.QuerySet[Any]):
    """A query set whose bulk changes, which send no signal, count too."""

    def update(self, **values: Any) -> int:
        with transaction.atomic(using=self.db):
            grow()
            return super().update(**values)

    def bulk_create(self, *arguments: Any, **options: Any) -> list[Any]:
        with transaction.atomic(using=self.db):
            grow()
            return super().bulk_create(*arguments, **options)


class Revised(models.Model):
    """
    Base of the tables that make up the scripts.

    Every way to change a row counts: save() and delete() by their signals (see
    ``count_changes_of``), which fixtures and cascades send as well, and bulk
    changes by the query set.
    """

    objects = RevisedQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *arguments: Any, **options: Any) -> None:
        # Without it the row would be committed before the signal is sent, and a crash between the two stay unnoticed.
        with transaction.atomic():
            super().save(*arguments, **options)
