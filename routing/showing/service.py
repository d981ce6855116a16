"""The service itself: its processes with their last signs of life, and its disk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from routing.database.short_lived import ShortLived
from routing.folders import data_folder, spool_folder
from routing.models import ServiceProcess

ALIVE = ServiceProcess.ALIVE
SHOWN = timedelta(hours=1)
"""A dead process disappears from the dashboard after this."""


WORK = {
    "listener": "nothing can be received",
    "prepare": "images are received, but no script runs on them",
    "deliver": "images are prepared, but nothing is sent",
    "housekeep": "nothing expires, and old files are not removed",
}
"""The roles of the engine's processes, and what it means when nobody fills one."""
WORKER = ("prepare", "deliver", "housekeep")
"""Only together they do a worker's work; its fourth process, for rehearsals, may be missing."""


def seen_lately(role: str) -> bool:
    """Whether a process of this role has given a sign of life."""
    return ServiceProcess.objects.filter(role=role, seen_at__gte=timezone.now() - ALIVE).exists()


@dataclass(frozen=True, slots=True)
class Process:
    row: ServiceProcess
    alive: bool


def processes() -> list[Process]:
    """Everybody who was alive within the last hour."""
    now = timezone.now()
    return [Process(row, now - row.seen_at <= ALIVE) for row in ServiceProcess.objects.filter(seen_at__gte=now - SHOWN)]


@dataclass(frozen=True, slots=True)
class Disk:
    """Space of the file system that holds the spool, in bytes."""

    free: int
    total: int
    least: int
    """Below this images are refused."""

    @property
    def low(self) -> bool:
        return self.free < self.least

    @property
    def used_percent(self) -> int:
        return round(100 * (self.total - self.free) / self.total) if self.total else 0

    @property
    def free_words(self) -> str:
        return filesizeformat(self.free)

    @property
    def least_words(self) -> str:
        return filesizeformat(self.least)


def disk() -> Disk:
    folder = spool_folder()
    answer = os.statvfs(folder if folder.is_dir() else data_folder())
    return Disk(
        answer.f_bavail * answer.f_frsize, answer.f_blocks * answer.f_frsize, settings.CAPACITOR.min_free_mib * 1024**2
    )


def _database_bytes() -> int:
    if connection.vendor == "sqlite":
        path = Path(settings.DATABASES["default"]["NAME"])
        files = (path, path.with_name(f"{path.name}-wal"))
        return sum(file.stat().st_size for file in files if file.is_file())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


database_bytes = ShortLived(_database_bytes, 30.0)
"""Size of the database with its journal."""
