"""The program that lists the elements of a file, started by routing.engine.reading.file_reader."""

import base64
from dataclasses import asdict
from pathlib import Path
from typing import Any

from routing.engine.reading.page_program import Refusal, answer_one
from scripts_app.core.dataset.errors import DatasetError, ElementTwice, NotIndexable
from scripts_app.core.dataset.file_meta import NotPart10, encode_file_meta
from scripts_app.core.dataset.listing import Listing, listed
from scripts_app.core.dataset.recipe import Recipe
from scripts_app.core.dataset.slow_path import normalised

_LONGEST = 512 << 20
"""Bytes of a file that is written anew to be listed."""
_PIECE = 1 << 20


def elements(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """
    The rows of a file, with ``note`` saying what had to be done to read it.

    ``path`` and ``draft`` (a place to write to, which the caller removes);
    ``recipe`` in Base64 with ``offset`` and ``transfer_syntax_uid`` when the
    data set is one over the file; ``most``, ``wanted``, ``values`` as in listed().
    """
    path, draft = Path(request["path"]), Path(request["draft"])
    if request.get("recipe") is not None:
        _carry_out(path, request, draft)
        path = draft
    options = {name: request[name] for name in ("most", "wanted", "values")}
    note = ""
    try:
        found = listed(path, **options)
    except ElementTwice as error:
        # Rewritten, one of the two would be missing, and nobody would see it.
        raise Refusal(f"The elements cannot be read: {error}.") from None
    except (NotIndexable, NotPart10) as reason:
        found, note = _after_rewriting(path, draft.with_suffix(".again.part"), str(reason), options)
    rows = [asdict(row) for row in found.rows]
    return {"rows": rows, "found": found.found, "cut": found.cut, "note": note}, b""


def _after_rewriting(path: Path, target: Path, reason: str, options: dict[str, Any]) -> tuple[Listing, str]:
    try:
        normalised(path, target, limit=_LONGEST)
        return listed(target, **options), f"The file had to be rewritten to be read: {reason}."
    except (DatasetError, NotIndexable) as error:
        raise Refusal(f"The elements cannot be read: {error}.") from None
    finally:
        target.unlink(missing_ok=True)


def _carry_out(path: Path, request: dict[str, Any], target: Path) -> None:
    """Write the file that the recipe makes."""
    recipe = Recipe.loads(base64.b64decode(request["recipe"]))
    if recipe.length > _LONGEST:
        raise Refusal(f"It has {recipe.length} bytes as sent; only as received are so large files listed.")
    with path.open("rb") as source, target.open("wb") as made:
        made.write(encode_file_meta("", "", request["transfer_syntax_uid"]))
        for part in recipe.parts:
            if isinstance(part, bytes):
                made.write(part)
                continue
            at, end = part
            source.seek(at)
            while at < end:
                piece = source.read(min(_PIECE, end - at))
                if not piece:
                    raise Refusal("The file is shorter than its recipe needs.")
                made.write(piece)
                at += len(piece)


if __name__ == "__main__":
    answer_one(elements)
