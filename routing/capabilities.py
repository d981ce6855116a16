"""What this process may do beyond what its user may (capabilities 7)."""

from __future__ import annotations

from pathlib import Path

WHO_GRANTS = "docs/systemd/capacitor-worker.service, which grants what is needed"
_WANTED = {"CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7}


def not_as(user: str) -> str:
    """Why this process cannot run scripts as the user, in a sentence; empty when it can, or need not (no user)."""
    missing = missing_for_another_user() if user else []
    if not missing:
        return ""
    return (
        f"CAPACITOR_SCRIPT_USER={user!r}: the router has not the right to become another user ({', '.join(missing)})."
    )


def missing_for_another_user() -> list[str]:
    """Of those that starting and ending processes of another user takes; empty for root."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        held = int(status.partition("CapEff:")[2].split()[0], 16)
    except (OSError, IndexError, ValueError):
        return list(_WANTED)
    return [name for name, bit in _WANTED.items() if not held >> bit & 1]
