"""
What reads the bytes of strangers, under a fuzzer that looks which lines they reach (atheris, which no lock lists).

``pip install --target=FOLDER atheris``, then ``PYTHONPATH=FOLDER python -m tests.faults.guided TARGET [option ...]``
with a target of TARGETS; the options are libFuzzer's, such as ``-max_total_time=300``.  An exception
that nobody expects ends it, and says where the input was written.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["routing.dicom", "scripts_app.core.dataset"]):
    from routing.dicom.associate import decode_accept, decode_request, encode_request
    from routing.dicom.command import decode, store_request
    from routing.dicom.soundness import fault_in
    from routing.dicom.wire import WireError
    from scripts_app.core.dataset.brief import read_brief
    from scripts_app.core.dataset.document import DatasetError, Document, NotIndexable
    from scripts_app.core.dataset.file_meta import NotPart10, read_file_meta
    from scripts_app.core.dataset.listing import listed

from tests.acceptance.peers import bundled_samples

_FILE = Path(tempfile.mkdtemp(prefix="guided-")) / "image.dcm"
_LARGEST_SEED = 20_000


def dataset(content: bytes) -> None:
    """A file as scripts see it: read, edited, written; the edits are there afterwards and nothing else has changed."""
    _FILE.write_bytes(content)
    try:
        document = Document.open(_FILE)
    except NotIndexable:
        return
    with document:
        root, before = document.root, document.dataset.tags()
        for path in ("PatientName", "0002,0010", "ReferencedImageSequence[1].ReferencedSOPInstanceUID", "PixelData"):
            with contextlib.suppress(DatasetError):
                root.read(path)
        with contextlib.suppress(DatasetError):
            root.to_table()
        document.identity()
        try:
            root.set("StationName", "GUIDED")
        except DatasetError:
            assert document.recipe() is None, "a refused edit left something"
            return
        recipe = document.recipe()
        if recipe is None:
            return
        meta = content[: document.file_meta.dataset_offset]
        with memoryview(content) as view:
            _FILE.write_bytes(meta + b"".join(bytes(part) for part in recipe.slices(view)))
    with Document.open(_FILE) as made:
        assert made.root.get("StationName") == "GUIDED"
        lengths = {tag for tag in before if tag == 0x00080000}
        assert set(made.dataset.tags()) == ({*before, 0x00081010} - lengths)


def first_look(content: bytes) -> None:
    """What the listener and the pages read of a file."""
    _FILE.write_bytes(content)
    try:
        meta = read_file_meta(content)
    except NotPart10:
        return
    read_brief(_FILE, meta.dataset_offset, meta.transfer_syntax_uid)
    fault_in(content, meta.dataset_offset, meta.transfer_syntax_uid, "1.2.840.10008.5.1.4.1.1.2", "1.2.3")
    with contextlib.suppress(NotIndexable):
        listed(_FILE, most=100, wanted="a")


def association(content: bytes) -> None:
    """A-ASSOCIATE-RQ and A-ASSOCIATE-AC."""
    with contextlib.suppress(WireError):
        decode_request(content, "192.0.2.1")
    with contextlib.suppress(WireError):
        decode_accept(content)


def command(content: bytes) -> None:
    """A command set."""
    with contextlib.suppress(WireError):
        decode(content)


def _images() -> Iterator[bytes]:
    for path in {sample.path for sample in bundled_samples()}:
        if path.stat().st_size < _LARGEST_SEED:
            yield path.read_bytes()


def _requests() -> Iterator[bytes]:
    yield encode_request("CALLING", "CALLED", [("1.2.840.10008.1.1", ["1.2.840.10008.1.2"])], 16384)[6:]


def _commands() -> Iterator[bytes]:
    yield store_request(1, "1.2.840.10008.5.1.4.1.1.2", "1.2.3", 0)


TARGETS: dict[str, tuple[Callable[[bytes], None], Callable[[], Iterator[bytes]]]] = {
    "dataset": (dataset, _images),
    "first_look": (first_look, _images),
    "association": (association, _requests),
    "command": (command, _commands),
}


def main(words: list[str]) -> None:
    if not words or words[0] not in TARGETS:
        sys.exit(f"a target is needed: {', '.join(TARGETS)}")
    tried, seeds = TARGETS[words[0]]
    with tempfile.TemporaryDirectory(prefix="guided-seeds-") as folder:
        for number, seed in enumerate(seeds()):
            Path(folder, str(number)).write_bytes(seed)
        atheris.Setup(
            [sys.argv[0], f"-max_len={2 * _LARGEST_SEED}", f"-artifact_prefix={_FILE.parent}/", folder, *words[1:]],
            tried,
        )
        atheris.Fuzz()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "capacitor_web.settings")
    main(sys.argv[1:])
