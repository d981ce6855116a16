"""What this process may do beyond what its user may (capabilities 7)."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

WHO_GRANTS = "docs/systemd/capacitor-worker.service.d/scripts-user.conf, which grants what is needed"
_WANTED = {"CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7}
_NEVER_LEFT = (b"CapInh", b"CapPrm", b"CapEff", b"CapAmb")
_PR_CAPBSET_DROP = 24
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPSET_VERSION_3 = 0x20080522


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
        held = _held(b"CapEff")
    except (OSError, IndexError, ValueError):
        return list(_WANTED)
    return [name for name, bit in _WANTED.items() if not held >> bit & 1]


def give_up() -> None:
    """
    Keep no capability: scripts may run here, or nothing here needs any.

    To be called before there are threads, for each has its own.  Root's stay: the
    router's files may be anybody's, and each program that root starts has them again.
    """
    if os.geteuid():
        _drop_all()


def become(uid: int, gid: int) -> None:
    """
    Be that user from now on, and nobody else any more; PermissionError when a capability is left.

    The kernel takes them from root that becomes somebody, and from nobody else.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    # What no program can bring back; only who has CAP_SETPCAP may, and needs it still.
    number = 0
    while not libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0):
        number += 1
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    _drop_all()


def _drop_all() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    # Header: version and this thread; then effective, permitted and inheritable, twice 32 bits.
    libc.capset((ctypes.c_uint32 * 2)(_CAPSET_VERSION_3, 0), (ctypes.c_uint32 * 6)())
    if any(map(_held, _NEVER_LEFT)):
        raise PermissionError("a capability is left")


def _held(kind: bytes) -> int:
    # As bytes: whoever has just become another user may be unable to load a codec.
    return int(Path("/proc/self/status").read_bytes().partition(b"%s:" % kind)[2].split()[0], 16)
