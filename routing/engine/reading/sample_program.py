"""The program that makes a sample of a received file, started by routing.engine.reading.file_reader."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from routing.core.syntax_choice import name
from routing.engine.reading.page_program import Refusal, answer_one
from scripts_app.core.conditions.match import first_failure
from scripts_app.core.dataset.deidentify import deidentify
from scripts_app.core.dataset.errors import DatasetError
from scripts_app.core.dataset.opening import Opened, opened
from scripts_app.core.script_content import condition_from_content


def sample(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """
    Write the first of the files ``paths`` that meets ``conditions`` to ``target``, and tell which it was.

    ``key`` in hexadecimal: de-identified with it; null: as it came.
    ``{"at": null}`` when there is none; files that nobody can read meet nothing.
    """
    conditions = tuple(map(condition_from_content, request["conditions"]))
    target = Path(request["target"])
    for at, path in enumerate(map(Path, request["paths"])):
        try:
            with opened(path, lambda: _draft(target)) as received:
                if first_failure(conditions, received.document.root) is None:
                    return {"at": at, **_written(received, request["key"], target)}, b""
        except (DatasetError, OSError) as error:
            if not conditions:
                raise Refusal(f"The image cannot be used: {error}.") from None
    return {"at": None}, b""


@contextlib.contextmanager
def _draft(target: Path) -> Iterator[Path]:
    path = target.with_suffix(".draft")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _written(received: Opened, key: str | None, target: Path) -> dict[str, str]:
    document = received.document
    syntax = received.transfer_syntax_uid()
    note = ""
    if key is not None:
        report = deidentify(document, bytes.fromhex(key))
        note = (
            f"{report.replaced} values replaced, {report.uids} UIDs made new, {report.removed} elements and"
            f" {report.private} private ones removed"
        )
        note += "".join(f"; still there: {kept}" for kept in report.kept)
    identity = document.identity()
    received.write(document.recipe(), identity, syntax, target)
    return {"note": note, "about": f"{name(identity.sop_class_uid)}, {name(syntax)}"[:200]}


if __name__ == "__main__":
    answer_one(sample)
