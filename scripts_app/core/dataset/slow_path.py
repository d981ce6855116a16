"""Files that the header index refuses, made into ones that it takes; and whole files from recipes."""

from __future__ import annotations

import contextlib
import mmap
import warnings
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from scripts_app.core.dataset.document import Document
from scripts_app.core.dataset.encoding import DEFLATED, UNDEFINED_LENGTH, Encoding
from scripts_app.core.dataset.errors import DatasetError, NotIndexable
from scripts_app.core.dataset.file_meta import FileMeta, NotPart10, encode_file_meta, read_file_meta
from scripts_app.core.dataset.recipe import Recipe
from scripts_app.core.outcome import Identity

if TYPE_CHECKING:
    from pydicom import Dataset, FileDataset

EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
_CHUNK = 1 << 20


def normalised(path: Path, target: Path, *, limit: int) -> None:
    """
    Write an indexable Part 10 file with the content of one that is not.

    Deflated data sets become explicit VR little endian, others keep their
    transfer syntax.  DatasetError when that cannot be done without guessing
    or losing something: more than ``limit`` bytes, cut short, text that its
    character set does not explain.  The target is removed then.
    """
    try:
        _normalise(path, target, limit)
        Document.open(target).close()
    except NotIndexable as error:
        target.unlink(missing_ok=True)
        raise DatasetError(f"the file cannot be edited: {error}") from None
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _normalise(path: Path, target: Path, limit: int) -> None:
    if path.stat().st_size > limit:
        raise DatasetError(f"the file has {path.stat().st_size} bytes, more than the {limit} allowed")
    with open(path, "rb") as file:
        head = file.read(_CHUNK)
        try:
            meta = read_file_meta(head)
        except NotPart10:
            meta = None
        if meta is None or meta.transfer_syntax_uid not in DEFLATED:
            _rewrite(path, target)
            return
        file.seek(meta.dataset_offset)
        _inflate(file, target, meta, limit)


def _inflate(file: BinaryIO, target: Path, meta: FileMeta, limit: int) -> None:
    with open(target, "wb") as out:
        out.write(
            encode_file_meta(
                meta.media_storage_sop_class_uid,
                meta.media_storage_sop_instance_uid,
                EXPLICIT_VR_LITTLE_ENDIAN,
            )
        )
        written = 0
        for chunk in _inflated(file):
            written += len(chunk)
            if written > limit:
                raise DatasetError(f"the deflated data set grows beyond the {limit} bytes allowed")
            out.write(chunk)


def _inflated(file: BinaryIO) -> Iterator[bytes]:
    """Pieces of at most 1 MiB, so that a small file cannot ask for gigabytes at once."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        while not inflater.eof:
            waiting = inflater.unconsumed_tail or file.read(_CHUNK)
            # Also without input: of what it has consumed, some output may not have fitted into the last piece.
            piece = inflater.decompress(waiting, _CHUNK)
            if not waiting and not piece and not inflater.eof:
                raise DatasetError("the deflated data set is cut short")
            yield piece
    except zlib.error as error:
        raise DatasetError(f"the deflated data set cannot be inflated: {error}") from None


def _rewrite(path: Path, target: Path) -> None:
    """Read and write with pydicom, which knows how to read much that is wrong."""
    from pydicom.dataelem import RawDataElement
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    from scripts_app.core.dataset.read_through import ALL_VALUES, make_ready

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            dataset = _read_whole(path)
            meta = dataset.file_meta
            implicit, little = dataset.original_encoding
            if not meta.get("TransferSyntaxUID"):
                meta.TransferSyntaxUID = (
                    ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
                )
            wanted = meta.TransferSyntaxUID
            implicit = wanted.is_implicit_VR
            raw = [element for element in dataset.values() if isinstance(element, RawDataElement)]
            if any((element.VR is None) != implicit for element in raw):
                # In the other VR encoding than the one it is written in, and its items would be left as they stand.
                make_ready(dataset, implicit=implicit, little=bool(little), kept=ALL_VALUES)
                # Behind it, for this look reads what is raw, and what was read is written as pydicom understood it.
                _refuse_unread(path, dataset)
            meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", "") or meta.get("MediaStorageSOPClassUID", "")
            meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "") or meta.get(
                "MediaStorageSOPInstanceUID", ""
            )
            dataset.preamble = bytes(128)
            dataset.save_as(target, enforce_file_format=False)
        except (DatasetError, NotIndexable):
            raise
        except RecursionError:
            raise DatasetError("the file cannot be edited: its sequences are nested too deep") from None
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:
                # The disk, and not the file, is at fault; pydicom's own have no number.
                raise
            # Whatever pydicom stumbles over: the file is at fault, and the item has to say so.
            raise DatasetError(f"the file cannot be edited: {type(error).__name__}: {error}") from error
    for warning in caught:
        if "replacement characters" in str(warning.message):
            raise DatasetError("the file cannot be edited: it holds text that its character set does not explain")


def _read_whole(path: Path) -> FileDataset:
    """What pydicom reads of a file, when that is all that stands in it."""
    import pydicom
    from pydicom.dataelem import RawDataElement

    with open(path, "rb") as file:
        dataset = pydicom.dcmread(file, force=True)
        unread = _unread_from(dataset, file)
    if not dataset:
        # Where compressed pixel data has no end pydicom reads nothing at all; the index tells what is wrong.
        Document.open(path).close()
        raise DatasetError("the file cannot be edited: it holds no elements")
    if unread is not None:
        raise DatasetError(f"the file cannot be edited: nothing behind byte {unread} can be read")
    for tag, element in dataset.items():
        if isinstance(element, RawDataElement) and element.length not in (UNDEFINED_LENGTH, len(element.value or b"")):
            raise DatasetError(f"the file cannot be edited: it ends inside {tag}")
    return dataset


def _unread_from(dataset: Dataset, file: BinaryIO) -> int | None:
    """The first byte of what was left unread behind the elements; None when that is nothing, or padding."""
    from pydicom.dataelem import RawDataElement

    at = file.tell()
    if file.read(1):
        # A delimiter outside of a sequence is the end to pydicom, whatever stands behind.
        return at
    last = list(dataset.values())[-1:]
    if not last or not isinstance(last[0], RawDataElement) or last[0].length == UNDEFINED_LENGTH:
        return None
    # Too few bytes for another element.
    end = file.seek(last[0].value_tell + last[0].length)
    return end if file.read().strip(b"\0") else None


def _refuse_unread(path: Path, dataset: Dataset) -> None:
    """DatasetError when sequences, which are written anew, hold what was not read."""
    from scripts_app.core.dataset.unread import refuse_unread

    # What it says of itself is that of its transfer syntax; element by element it may have found another.
    order = "<" if dataset.original_encoding[1] else ">"
    either = Encoding(True, order), Encoding(False, order)
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            refuse_unread(dataset, content, read_file_meta(content).dataset_offset, len(content), either)
        except NotIndexable as reason:
            if any(element.VR == "SQ" for element in dataset):
                raise DatasetError(f"the file cannot be edited: {reason}") from None


def write_part10(
    base: Path,
    recipe: Recipe | None,
    identity: Identity,
    transfer_syntax_uid: str,
    target: Path,
    *,
    deflate: bool = False,
) -> None:
    """
    Write a complete file: fresh file meta information, and the data set of a recipe over ``base``.

    Without a recipe the data set of ``base`` as it is.  ``deflate`` packs it
    (PS3.5 A.5).  An odd length is padded, as it is on the wire.  Nothing is held
    in memory but one slice; fsync is the caller's.
    """
    meta = encode_file_meta(identity.sop_class_uid, identity.sop_instance_uid, transfer_syntax_uid)
    with open(base, "rb") as file, open(target, "wb") as out:
        out.write(meta)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
            if recipe is None:
                recipe = Recipe(((read_file_meta(mapped).dataset_offset, len(mapped)),))
            # Closed whatever happens: a view that is left open would be the error, in place of that of a full disk.
            with contextlib.closing(_pieces(recipe, view)) as pieces:
                for piece in _deflated(pieces) if deflate else pieces:
                    out.write(piece)
        if (out.tell() - len(meta)) % 2:
            out.write(b"\0")


def _pieces(recipe: Recipe, file: memoryview) -> Generator[memoryview]:
    for part in recipe.slices(file):
        with part:
            for at in range(0, len(part), _CHUNK):
                with part[at : at + _CHUNK] as piece:
                    yield piece


def _deflated(pieces: Iterator[memoryview]) -> Iterator[bytes]:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    for piece in pieces:
        yield deflater.compress(piece)
    yield deflater.flush()
