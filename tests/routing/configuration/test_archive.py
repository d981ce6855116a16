"""An archive is packed the same way every time; what is hostile or of no use in one is refused before it is written."""

import io
import stat
import struct
import warnings
import zipfile
from pathlib import Path

import pytest

from routing.configuration.archive import MOST_FILES, MOST_PACKED, MOST_UNPACKED, MOST_YAML, pack, unpack
from scripts_app.configuration.problem import ConfigurationError

NODES = {"nodes.yml": "[]\n"}


def zipped(*members: tuple[str | zipfile.ZipInfo, str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # zipfile's own word on duplicates
        for name, text in members:
            archive.writestr(name, text)
    return packed.getvalue()


def kind(name: str, mode: int) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.create_system, member.external_attr = 3, mode << 16
    return member


def refused(content: bytes, root: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        unpack(content, root)
    assert list(root.iterdir()) == []
    return [str(problem) for problem in caught.value.problems]


def unpacked(content: bytes, root: Path) -> dict[str, str]:
    unpack(content, root)
    return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_what_is_packed_comes_back_and_order_of_names_makes_no_difference(tmp_path: Path) -> None:
    files = {"nodes.yml": "[]\n", "libs/phi.lua": "-- é\n", "scripts/route smart.lua": ""}
    content = pack(files)
    assert content == pack(dict(reversed(files.items())))
    assert unpacked(content, tmp_path) == files
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == sorted(files)
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_single_top_folder_and_what_finder_adds_are_left_out(tmp_path: Path) -> None:
    content = zipped(
        ("site/", ""),
        ("site/nodes.yml", "[]"),
        ("site/libs/a.lua", "x = 1"),
        ("__MACOSX/site/._nodes.yml", "?"),
        ("site/.DS_Store", "?"),
    )
    assert unpacked(content, tmp_path) == {"nodes.yml": "[]", "libs/a.lua": "x = 1"}


def test_a_folder_beside_files_is_no_top_folder(tmp_path: Path) -> None:
    assert set(unpacked(zipped(("nodes.yml", ""), ("libs/a.lua", "")), tmp_path)) == {"nodes.yml", "libs/a.lua"}


HOSTILE = {
    "../nodes.lua": "must not contain '.', '..'",
    "libs/../../a.lua": "must not contain '.', '..'",
    "./a.lua": "must not contain '.', '..'",
    "libs//a.lua": "must not contain '.', '..' or an empty name",
    "/etc/a.lua": "must be relative",
    "C:/a.lua": "must be relative",
    "..\\a.lua": "use / between folders",
    "a\n.lua": "has a character in its name",
    "../": "must not contain '.', '..'",
    "a" * 300 + ".lua": "has a name of 304 bytes",
    "é" * 150 + ".lua": "has a name of 304 bytes",
    "run.sh": "only .yml, .yaml, .lua files are",
    "lua": "only .yml, .yaml, .lua files are",
}


@pytest.mark.fault(117, "names that lead out of the folder")
@pytest.mark.parametrize(("name", "message"), HOSTILE.items(), ids=range(len(HOSTILE)))
def test_a_name_that_leads_elsewhere_or_is_of_no_use_is_refused(name: str, message: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (problem,) = refused(zipped(("nodes.yml", "[]"), (name, "x = 1")), inside)
    assert message in problem and problem.isprintable()
    assert list(tmp_path.iterdir()) == [inside]


def test_a_name_that_goes_on_after_a_nul_is_refused(tmp_path: Path) -> None:
    content = zipped(("nodes.yml", "[]"), ("a.luaXx.sh", "")).replace(b"a.luaX", b"a.lua\0")
    assert refused(content, tmp_path) == [
        "'a.lua\\x00x.sh': has a character in its name that is not taken: use / between folders",
        "'a.lua\\x00x.sh': is not taken: only .yml, .yaml, .lua files are",
    ]


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFCHR | 0o666, stat.S_IFIFO | 0o666])
def test_links_and_devices_are_refused(mode: int, tmp_path: Path) -> None:
    content = zipped(("nodes.yml", "[]"), (kind("phi.lua", mode), "/etc/passwd"))
    assert refused(content, tmp_path) == ["phi.lua: is a link or a device; only files are taken"]


def test_two_files_of_one_name_and_a_file_that_is_a_folder_are_refused(tmp_path: Path) -> None:
    content = zipped(("nodes.yml", "[]"), ("a.lua", "1"), ("a.lua", "2"), ("a.lua/b.lua", ""))
    assert refused(content, tmp_path) == ["a.lua: is there 2 times", "a.lua/b.lua: lies in a.lua, which is a file"]


def test_every_reason_is_told_at_once(tmp_path: Path) -> None:
    content = zipped(("../a.lua", ""), (kind("b.lua", stat.S_IFLNK), "x"), ("c.exe", ""))
    assert [problem.split(":")[0] for problem in refused(content, tmp_path)] == ["../a.lua", "b.lua", "c.exe"]


@pytest.mark.fault(117, "a configuration archive that grows")
def test_an_archive_that_grows_is_refused_before_it_grows(tmp_path: Path) -> None:
    bomb = zipped(("nodes.yml", "[]"), *[(f"{n}.lua", " " * (MOST_UNPACKED // 4)) for n in range(5)])
    assert len(bomb) < MOST_PACKED
    (problem,) = refused(bomb, tmp_path)
    assert "when unpacked; at most 20 MiB" in problem


def test_an_archive_that_lies_about_its_size_is_damaged_and_gives_no_byte_more(tmp_path: Path) -> None:
    text = "-" * MOST_UNPACKED * 2
    true, false = struct.pack("<I", len(text)), struct.pack("<I", 10)
    lying = zipped(("nodes.yml", "[]"), ("a.lua", text)).replace(true, false)
    with pytest.raises(ConfigurationError, match=r"a\.lua: is damaged in the archive"):
        unpack(lying, tmp_path)
    assert not (tmp_path / "a.lua").exists()


def test_limits_of_upload_number_and_yaml(tmp_path: Path) -> None:
    assert refused(b"PK" + b" " * MOST_PACKED, tmp_path) == ["the archive: is larger than 5 MiB"]
    many = zipped(*[(f"{n}.lua", "") for n in range(MOST_FILES + 1)])
    assert refused(many, tmp_path) == ["the archive: holds 1001 files and folders; at most 1000 are taken"]
    large = zipped(("nodes.yml", " " * (MOST_YAML + 1)))
    assert refused(large, tmp_path) == ["nodes.yml: is larger than 1 MiB; the command import_config takes it"]


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    good = pack({"nodes.yml": "[]\n", "a.lua": "x = 1\n" * 100})
    for content in (b"", b"nodes: []", b"PK\5\6" + b"\0" * 17, good[: len(good) // 2]):
        assert refused(content, tmp_path) == ["the archive: is no .zip file"]
    at = good.index(b"a.lua") + len("a.lua")
    damaged = good[:at] + b"\xff" * 8 + good[at + 8 :]
    assert refused(damaged, tmp_path) == ["a.lua: is damaged in the archive"]


def test_every_single_damaged_byte_is_refused_or_harmless(tmp_path: Path) -> None:
    good = pack({**NODES, "a.lua": "x = 1\n"})
    for at in range(len(good)):
        root = tmp_path / str(at)
        root.mkdir()
        try:
            unpack(good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :], root)
        except ConfigurationError:
            continue
        assert {path.suffix for path in root.rglob("*") if path.is_file()} <= {".yml", ".lua"}


def test_encrypted_and_unusual_compression_are_refused(tmp_path: Path) -> None:
    encrypted = bytearray(zipped(("nodes.yml", "[]")))
    encrypted[encrypted.index(b"PK\1\2") + 8] |= 1
    assert refused(bytes(encrypted), tmp_path) == ["nodes.yml: is encrypted"]
    (problem,) = refused(zipped(("nodes.yml", "[]"), method=zipfile.ZIP_LZMA), tmp_path)
    assert "use deflate" in problem


@pytest.mark.parametrize("name", ["nodes.yaml", "Nodes.yml", "LUA.YML.yml"])
def test_a_file_that_would_not_be_read_is_told(name: str, tmp_path: Path) -> None:
    problems = refused(zipped((name, "[]")), tmp_path)
    assert problems[-1] == "the archive: has none of config.yml, nodes.yml, senders.yml and lua.yml at its top"
    if name != "LUA.YML.yml":
        assert problems[0] == f"{name}: is not read; did you mean 'nodes.yml'?"
