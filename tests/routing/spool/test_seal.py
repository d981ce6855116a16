"""The seal of a file, and where a name becomes durable with its file."""

import os
import subprocess
from pathlib import Path

import pytest

from routing.spool.seal import Seal, seal, seal_of
from routing.spool.write_out import names_go_with_files


def test_a_seal_is_found_again_and_stays_when_the_file_gets_a_name(tmp_path: Path) -> None:
    path = tmp_path / "7.dcm.part"
    path.write_bytes(b"abc")
    assert seal_of(path) is None
    with path.open("rb") as file:
        if not seal(file.fileno(), 3, 0xFFFFFFFF):
            pytest.skip("this file system has no extended attributes")
    assert seal_of(path.rename(tmp_path / "7.dcm")) == Seal(3, 0xFFFFFFFF)


def test_a_file_that_is_gone_and_an_attribute_of_somebody_else_are_no_seal(tmp_path: Path) -> None:
    assert seal_of(tmp_path / "gone") is None
    path = tmp_path / "7.dcm"
    path.touch()
    try:
        os.setxattr(path, "user.capacitor", b"?")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    assert seal_of(path) is None


def test_where_there_are_no_attributes_nothing_is_sealed() -> None:
    with open("/proc/self/status", "rb") as file:
        assert seal(file.fileno(), 3, 7) is False


@pytest.mark.parametrize("folder", [None, "/proc", "/dev"])
def test_names_go_with_files_on_ext4_alone(tmp_path: Path, folder: str | None) -> None:
    place = folder or str(tmp_path)
    kind = subprocess.run(["stat", "-f", "-c", "%T", place], capture_output=True, text=True, check=True).stdout.strip()
    descriptor = os.open(place, os.O_RDONLY)
    try:
        # stat(1) has one name for the three of them; a mount that the table does not know may be slow and must be safe.
        assert names_go_with_files(descriptor) <= (kind == "ext2/ext3")
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("table", "goes"),
    [
        ("36 35 {device} / /data rw,noatime master:1 - ext4 /dev/sda1 rw", True),
        ("36 35 {device} / /data rw,noatime - ext4 /dev/sda1 rw", True),
        ("36 35 {device} / /data rw,noatime - ext2 /dev/sda1 rw", False),
        ("36 35 {device} / /data rw,noatime - nfs4 server:/ext4 rw", False),
        ("36 35 {device} / / rw - ext4 /dev/sda1 rw\n37 35 {device} / /data rw - fuse.ext4 /dev/sda1 rw", False),
        ("36 35 99:99 / /data rw,noatime - ext4 /dev/sda1 rw", False),
        ("", False),
    ],
)
def test_the_mount_table_tells_the_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, goes: bool
) -> None:
    device = tmp_path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    monkeypatch.setattr(Path, "read_text", lambda *_: table.format(device=number))
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        assert names_go_with_files(descriptor) is goes
    finally:
        os.close(descriptor)
