"""
The seal of a file: how long its bytes are and their checksum, kept beside them as an extended attribute.

It tells a whole file from one that has its name already and, after a power cut, not yet its bytes.
"""

import os
import struct
from pathlib import Path
from typing import NamedTuple

# Short: what does not fit into an inode of 256 bytes beside a label of SELinux costs a block of its own.
_NAME = "user.capacitor"
_FORM = struct.Struct("<QI")


class Seal(NamedTuple):
    """What its writer wrote."""

    size: int
    checksum: int
    """CRC-32 of all its bytes."""


def seal(descriptor: int, size: int, checksum: int) -> bool:
    """Set it; False where the file system has no extended attributes, or no room for one."""
    try:
        os.setxattr(descriptor, _NAME, _FORM.pack(size, checksum))
    except OSError:
        return False
    return True


def seal_of(path: Path) -> Seal | None:
    """None where there is none: older files, copies, other file systems."""
    try:
        return Seal(*_FORM.unpack(os.getxattr(path, _NAME)))
    except (OSError, struct.error):
        return None
