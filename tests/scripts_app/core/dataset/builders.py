"""Data sets and files built byte by byte, without the code under test."""

import struct
from pathlib import Path

import pydicom.data

from scripts_app.core.dataset.document import Document

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG = "1.2.840.10008.1.2.2"
JPEG = "1.2.840.10008.1.2.4.50"
LONG = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
UNDEFINED = 0xFFFFFFFF
SYNTAXES = (EXPLICIT, IMPLICIT, BIG)


def element(tag: int, vr: str, value: bytes | str, syntax: str = EXPLICIT, length: int | None = None) -> bytes:
    """One element; a length other than the value's where a test needs a wrong or undefined one."""
    value = value.encode("ascii") if isinstance(value, str) else value
    if len(value) % 2:
        value += b"\0" if vr in ("UI", "OB", "UN") else b" "
    order = ">" if syntax == BIG else "<"
    length = len(value) if length is None else length
    group, number = tag >> 16, tag & 0xFFFF
    if syntax == IMPLICIT:
        return struct.pack("<HHI", group, number, length) + value
    if vr in LONG:
        return struct.pack(order + "HH2sHI", group, number, vr.encode(), 0, length) + value
    return struct.pack(order + "HH2sH", group, number, vr.encode(), length) + value


def item(content: bytes, syntax: str = EXPLICIT, *, undefined: bool = False) -> bytes:
    order = ">" if syntax == BIG else "<"
    if undefined:
        return (
            struct.pack(order + "HHI", 0xFFFE, 0xE000, UNDEFINED)
            + content
            + struct.pack(order + "HHI", 0xFFFE, 0xE00D, 0)
        )
    return struct.pack(order + "HHI", 0xFFFE, 0xE000, len(content)) + content


def sequence(tag: int, items: list[bytes], syntax: str = EXPLICIT, *, undefined: bool = False, vr: str = "SQ") -> bytes:
    order = ">" if syntax == BIG else "<"
    content = b"".join(items)
    if undefined:
        return element(tag, vr, content + struct.pack(order + "HHI", 0xFFFE, 0xE0DD, 0), syntax, UNDEFINED)
    return element(tag, vr, content, syntax)


def part10(*elements: bytes, syntax: str = EXPLICIT) -> bytes:
    meta = b"".join(
        (
            element(0x00020002, "UI", "1.2.840.10008.5.1.4.1.1.2"),
            element(0x00020003, "UI", "1.2.3.4"),
            element(0x00020010, "UI", syntax),
        )
    )
    return bytes(128) + b"DICM" + element(0x00020000, "UL", struct.pack("<I", len(meta))) + meta + b"".join(elements)


def document(folder: Path, *elements: bytes, syntax: str = EXPLICIT) -> Document:
    path = folder / "received.dcm"
    path.write_bytes(part10(*elements, syntax=syntax))
    return Document.open(path)


def edited_bytes(document: Document) -> bytes:
    """The data set as it would be sent."""
    recipe = document.recipe()
    data = memoryview(document._map)
    try:
        if recipe is None:
            return bytes(data[document.file_meta.dataset_offset :])
        return b"".join(bytes(part) for part in recipe.slices(data))
    finally:
        data.release()


def ct_elements(syntax: str = EXPLICIT) -> list[bytes]:
    """A small CT image of a patient who does not exist."""

    def each(tag: int, vr: str, value: bytes | str) -> bytes:
        return element(tag, vr, value, syntax)

    order = ">" if syntax == BIG else "<"
    return [
        each(0x00080000, "UL", struct.pack(order + "I", 999)),
        each(0x00080005, "CS", "ISO_IR 100"),
        each(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2"),
        each(0x00080018, "UI", "1.2.3.4"),
        each(0x00080050, "SH", "ACC1"),
        each(0x00080060, "CS", "CT"),
        sequence(
            0x00081140,
            [
                item(each(0x00081155, "UI", "1.2.3.5"), syntax),
                item(each(0x00081155, "UI", "1.2.3.6"), syntax, undefined=True),
            ],
            syntax,
        ),
        each(0x00100010, "PN", "Doe^Jane"),
        each(0x00100020, "LO", "P1"),
        each(0x0020000D, "UI", "1.2.3"),
        each(0x0020000E, "UI", "1.2.3.9"),
        sequence(
            0x00400275,
            [item(each(0x00400007, "LO", "Step"), syntax, undefined=True)],
            syntax,
            undefined=True,
        ),
        each(0x7FE00010, "OW", bytes(range(16))),
        each(0xFFFCFFFC, "OB", bytes(8)),
    ]


def ct(folder: Path, syntax: str = EXPLICIT) -> Document:
    return document(folder, *ct_elements(syntax), syntax=syntax)


def samples() -> list[Path]:
    """The DICOM files that come with pydicom."""
    root = Path(pydicom.data.__file__).parent / "test_files"
    return sorted(path for path in root.rglob("*.dcm") if path.stat().st_size < 3_000_000)
