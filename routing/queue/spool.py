"""The spool that the images of the queue lie in."""

from typing import cast

from django.conf import settings
from django.db import Error as DatabaseProblem

from routing.folders import spool_folder
from routing.models import QueueItem
from routing.spool.spool import Durability, Spool, SpoolGone


def open_spool(*, lost: bool = False) -> Spool:
    """
    The spool; SpoolGone when there are images of which it has none, nor a sign that it has ever been one.

    Its file system may not be mounted, or this is a host with a folder of its own beside a database that others use.

    With ``lost`` somebody knows that it is empty because its files are lost.
    """
    spool = Spool(spool_folder(), cast(Durability, settings.CAPACITOR.durable))
    if spool.gone and not lost:
        raise SpoolGone(spool.root)
    if not spool.marked:
        if not lost and next(spool.ids(), None) is None and _files_are_kept():
            raise SpoolGone(spool.root)
        spool.mark()
    return spool


def _files_are_kept() -> bool:
    try:
        return QueueItem.objects.filter(purged_at=None).exists()
    except DatabaseProblem:
        # Images are taken also while the database is away.
        return False
