"""The image that a person tries scripts on: uploaded for the session, kept, from the queue, or synthetic."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from scripts_app.models import ScriptSample
from scripts_app.outside import NoSample, outside

MOST_BYTES = 100 << 20
_KEPT_SECONDS = 12 * 3600
"""As long as a session lasts."""
_KEY = "script_sample"
_PREAMBLE = 132
"""Bytes until the end of DICM (PS3.10 7.1)."""


class NoDicom(Exception):
    """The upload cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Sample:
    kind: str
    """upload, kept, bundled or item."""
    id: str
    """Name of the stored file, of the bundled image, number of the kept one or of the item."""
    name: str
    source_ae_title: str = "MODALITY"
    destination_ae_title: str = ""


def of_session(session: MutableMapping[str, Any]) -> Sample | None:
    """What this person has chosen; an upload that is no longer there counts as none."""
    kept = session.get(_KEY)
    sample = Sample(**kept) if kept else None
    return None if sample and sample.kind == "upload" and not (_folder() / sample.id).is_file() else sample


def choose(session: MutableMapping[str, Any], sample: Sample) -> None:
    """Replaces what was chosen before, whose upload is removed."""
    before = of_session(session)
    if before and before.id != sample.id:
        forget(session)
    session[_KEY] = asdict(sample)


def forget(session: MutableMapping[str, Any]) -> None:
    """At the end of the session: nothing is stored beyond it."""
    before = of_session(session)
    if before and before.kind == "upload":
        (_folder() / before.id).unlink(missing_ok=True)
    session.pop(_KEY, None)


def upload(name: str, chunks: Iterable[bytes]) -> Sample:
    """Keep a DICOM file (PS3.10) for the session; NoDicom when it is none, or too large."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sweep()
    path = folder / f"{secrets.token_hex(16)}.dcm"
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for chunk in chunks:
                file.write(chunk)
                if file.tell() > MOST_BYTES:
                    raise NoDicom(f"larger than {MOST_BYTES >> 20} MiB")
        with path.open("rb") as written:
            if written.read(_PREAMBLE)[-4:] != b"DICM":
                raise NoDicom("not a DICOM file: the letters DICM do not stand at byte 128")
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise NoDicom(f"cannot be kept: {error.strerror}") from None
        raise
    return Sample("upload", path.name, name[:100])


def telling(sample: Sample) -> bool:
    """Whether it may tell of a patient what only those with PHI may see; an own upload is one's own."""
    if sample.kind == "kept":
        return ScriptSample.objects.filter(pk=int(sample.id), deidentified=False).exists()
    return sample.kind == "item"


def harmless(sample: Sample) -> bool:
    """Whether everybody may see it: synthetic, or de-identified."""
    return sample.kind == "bundled" or (sample.kind == "kept" and not telling(sample))


@contextlib.contextmanager
def file_of(sample: Sample) -> Iterator[Path]:
    """The sample as a file, for reading; NoSample when it is gone."""
    if sample.kind == "upload":
        path = _folder() / sample.id
        if not path.is_file():
            raise NoSample("the upload is no longer there; upload the file again")
        yield path
    elif sample.kind == "kept":
        kept = ScriptSample.objects.filter(pk=int(sample.id)).first()
        if kept is None:
            raise NoSample("the sample is no longer there; choose another one")
        with as_file(bytes(kept.image)) as path:
            yield path
    elif sample.kind == "item" and outside.queue_sample:
        yield outside.queue_sample(int(sample.id)).file
    elif sample.kind == "bundled" and outside.bundled_sample and sample.id in outside.bundled():
        with as_file(outside.bundled_sample(sample.id)) as path:
            yield path
    else:
        raise NoSample("choose an image first")


@contextlib.contextmanager
def as_file(content: bytes) -> Iterator[Path]:
    """The bytes as a file that nobody else reads, for as long as it is needed."""
    _folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    path = _folder() / f"{secrets.token_hex(16)}.dcm"
    try:
        path.write_bytes(content)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _folder() -> Path:
    return Path(settings.CAPACITOR.data_dir) / "samples"


def sweep() -> None:
    """Remove what sessions left behind that ended without a word, and processes that were killed."""
    for path in _folder().glob("*.dcm"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - _KEPT_SECONDS:
                path.unlink()
