"""Is the service alive and ready?  For machines: JSON, no login, no patient data (D17)."""

import os
import tempfile
from collections.abc import Callable

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET

from routing.folders import spool_folder
from routing.showing.service import ALIVE, WORKER, seen_lately
from routing.spool.mark import is_gone


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _spool() -> str:
    if is_gone(spool_folder()):
        return "gone: is its file system mounted?"
    # A file without a name: it tells more than permission bits, and leaves nothing behind.
    with tempfile.TemporaryFile(dir=spool_folder()) as probe:
        probe.write(b"0")
        os.fsync(probe.fileno())
    return "ok"


def _processes(*roles: str) -> Callable[[], str]:
    def look() -> str:
        missing = [role for role in roles if not seen_lately(role)]
        return f"no {' and no '.join(missing)} process seen in the last {ALIVE.seconds} seconds" if missing else "ok"

    return look


PARTS: dict[str, Callable[[], str]] = {
    "database": _database,
    "spool": _spool,
    "listener": _processes("listener"),
    "worker": _processes(*WORKER),
}


@require_GET
@login_not_required
def healthz(request: HttpRequest) -> JsonResponse:
    """The web process answers."""
    return JsonResponse({"status": "ok"})


@require_GET
@login_not_required
def readyz(request: HttpRequest) -> JsonResponse:
    """All parts that an image needs are there; 503 says which one is missing."""
    found = {}
    for part, look in PARTS.items():
        try:
            found[part] = look()
        except Exception as error:
            # Only the kind: messages of drivers may name hosts and users, and nobody is logged in here.
            found[part] = f"unavailable ({type(error).__name__})"
    ready = all(state == "ok" for state in found.values())
    return JsonResponse({"status": "ready" if ready else "not ready", "parts": found}, status=200 if ready else 503)
