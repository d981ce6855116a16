"""The file of an item in the browser: all its elements, a picture, the file itself."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Generator, Iterator
from functools import partial
from typing import Any, cast

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import permission_required
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from routing.audit.log import audit
from routing.engine.delivering.item_file import Form, ItemFile, NoSuchFile, item_file
from routing.engine.delivering.source import FileDamaged, FileMissing
from routing.engine.reading.file_reader import CannotRead, ask
from routing.folders import spool_folder
from routing.models import QueueItem
from routing.people.sight import Sight
from routing.people.viewed import note_view
from routing.showing.element_tree import tree_of
from routing.spool.prepared import PreparedFiles
from routing.spool.spool import Spool
from routing.views.request import HtmxHttpRequest, draw
from scripts_app.outside import PHI

MOST_ROWS = 1500
"""Rows of an element list; a search finds what is beyond."""
EDGE, LARGE_EDGE = 512, 2048
"""Pixels of a picture beside the story, and of one that is opened by itself."""
SEE = "routing.view_queueitem"
SEE_PATIENTS = (SEE, PHI)


@require_GET
@permission_required(SEE, raise_exception=True)
def item_elements(request: HtmxHttpRequest, item_id: int) -> HttpResponse:
    """All elements; without the right to patient data only what there is, not what it says."""
    item, sight, form = _item(item_id), Sight.of(request.user), _form(request)
    note_view(request.user, "item", item_id)
    wanted = request.GET.get("find", "").strip()[:200]
    context: dict[str, Any] = {"item": item, "sight": sight, "form": form, "wanted": wanted, "most": MOST_ROWS}
    try:
        told = _elements(item, form, wanted, values=sight.full)
    except (NoSuchFile, CannotRead) as error:
        # What stands in a damaged file may be quoted; who may not see patient data hears only that it is damaged.
        told = {"rows": (), "refusal": str(error) if sight.full or isinstance(error, NoSuchFile) else ""}
        context["unreadable"] = True
    context |= {"told": told, "tree": tree_of(told["rows"])}
    return draw(request, "routing/item_elements.html", "routing/_element_list.html", context)


@require_GET
@permission_required(SEE_PATIENTS, raise_exception=True)
def item_preview(request: HtmxHttpRequest, item_id: int) -> HttpResponse:
    """The picture and the choice of frames, as a part of the item's page."""
    item = _item(item_id)
    note_view(request.user, "item", item_id)
    context: dict[str, Any] = {"item": item}
    try:
        about, picture = _picture(item, _frame(request), EDGE)
        context |= {"about": about, "picture": base64.b64encode(picture).decode("ascii")}
    except (NoSuchFile, CannotRead) as error:
        context["refusal"] = str(error)
    return render(request, "routing/_item_preview.html", context)


@require_GET
@permission_required(SEE_PATIENTS, raise_exception=True)
def item_image(request: HtmxHttpRequest, item_id: int) -> HttpResponse:
    """The picture alone, larger."""
    item = _item(item_id)
    note_view(request.user, "item", item_id)
    try:
        _, picture = _picture(item, _frame(request), LARGE_EDGE)
    except (NoSuchFile, CannotRead) as error:
        return HttpResponse(str(error), status=422, content_type="text/plain; charset=utf-8")
    return HttpResponse(picture, content_type="image/png")


@require_GET
@permission_required(SEE_PATIENTS, raise_exception=True)
def item_download(request: HtmxHttpRequest, item_id: int) -> HttpResponseBase:
    """The file, as received or as sent; who took it is in the audit log."""
    item, form = _item(item_id), _form(request)
    try:
        file = item_file(item, _spool(), form)
        length = file.length()
    except (NoSuchFile, FileDamaged, FileMissing) as error:
        raise Http404(str(error)) from None
    except OSError as error:
        raise Http404(f"The file cannot be read: {error.strerror}.") from None
    audit(request.user.get_username(), "download", f"item {item_id}", form=form)
    # No value of the image is in the name: it ends up in headers and in folders of downloads.
    headers = {"Content-Length": str(length), "Content-Disposition": f'attachment; filename="{item_id}-{form}.dcm"'}
    return StreamingHttpResponse(_streamed(request, file), content_type="application/dicom", headers=headers)


def _item(item_id: int) -> QueueItem:
    return get_object_or_404(QueueItem, pk=item_id)


def _spool() -> Spool:
    return Spool(spool_folder(), durable="none")


def _form(request: HtmxHttpRequest) -> Form:
    return Form.SENT if request.GET.get("as") == Form.SENT else Form.RECEIVED


def _frame(request: HtmxHttpRequest) -> int:
    asked = request.GET.get("frame", "")
    return int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 10 else 1


def _elements(item: QueueItem, form: Form, wanted: str, *, values: bool) -> dict[str, Any]:
    spool = _spool()
    source = item_file(item, spool, form).source
    recipe = None if source.recipe is None else base64.b64encode(source.recipe.dumps()).decode("ascii")
    with PreparedFiles(spool.root).draft() as draft:
        told, _ = ask(
            "element_lister",
            {
                "path": str(source.path),
                "draft": str(draft),
                "recipe": recipe,
                "transfer_syntax_uid": source.transfer_syntax_uid,
                "most": MOST_ROWS,
                "wanted": wanted,
                "values": values,
            },
        )
    if not values:
        told["note"] = told["note"] and "The file had to be rewritten to be read."
    return told


def _picture(item: QueueItem, frame: int, edge: int) -> tuple[dict[str, Any], bytes]:
    """Of the received file: no script changes pixels."""
    source = item_file(item, _spool(), Form.RECEIVED).source
    return ask("image_renderer", {"path": str(source.path), "frame": frame, "edge": edge})


def _streamed(request: HtmxHttpRequest, file: ItemFile) -> Iterator[bytes] | AsyncIterator[bytes]:
    pieces = cast(Generator[bytes], file.content())
    # Under ASGI an iterator that is not asynchronous would be read into memory as a whole.
    return _in_turns(pieces) if isinstance(request, ASGIRequest) else pieces


async def _in_turns(pieces: Generator[bytes]) -> AsyncIterator[bytes]:
    following = sync_to_async(partial(next, pieces, None), thread_sensitive=False)
    try:
        while (piece := await following()) is not None:
            yield piece
    finally:
        pieces.close()
