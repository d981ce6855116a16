"""File systems for one test: small, with few inodes, read-only, taken away; where this machine lets a test mount."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def mount(*arguments: str | Path) -> None:
    """mount(8); skips the test where that is not allowed."""
    if os.geteuid():
        pytest.skip("only root may mount")
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this machine lets no test mount: {done.stderr.strip()}")


def unmount(folder: Path) -> None:
    """At once, also while it is in use; nothing happens when it is not mounted."""
    subprocess.run(["umount", "--lazy", str(folder)], capture_output=True)


@contextlib.contextmanager
def memory(folder: Path, options: str) -> Iterator[Path]:
    """A tmpfs at a folder, with options such as ``size=64m``."""
    folder.mkdir(parents=True, exist_ok=True)
    mount("-t", "tmpfs", "-o", f"{options},mode=0700", "none", folder)
    try:
        yield folder
    finally:
        unmount(folder)


@contextlib.contextmanager
def unreadable(folder: Path, content: bytes) -> Iterator[Path]:
    """A file of this content that was written well, and of which the disk gives nothing any more: EIO."""
    folder.mkdir()
    disk, path = folder.with_name(f"{folder.name}.disk"), folder / "file"
    with disk.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-b", "4096", str(disk)], check=True, capture_output=True)
    mount("-o", "loop", disk, folder)
    try:
        path.write_bytes(content)
        subprocess.run(["sync", "--file-system", str(folder)], check=True)
        told = subprocess.run(["filefrag", "-v", str(path)], check=True, capture_output=True, text=True).stdout
        blocks = [int(line.split(":")[2].split("..")[0]) for line in told.splitlines() if line.count("..") == 2]
        # The disk ends where the file begins; what is in memory of it is forgotten.
        os.truncate(disk, min(blocks) * 4096)
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)
        yield path
    finally:
        unmount(folder)


def fill(path: Path, leave: int = 0) -> int:
    """Write a file until only so many bytes are left, or nothing at all; its size."""
    piece = b"\0" * 65536
    with path.open("ab", buffering=0) as file:
        while True:
            system = os.statvfs(path.parent)
            free = system.f_bavail * system.f_frsize
            if free <= leave:
                break
            try:
                file.write(piece[: max(1, min(len(piece), free - leave))])
            except OSError:
                break
        return file.tell()
