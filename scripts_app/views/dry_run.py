"""Try what stands in the editor on an image, without storing or sending anything."""

from __future__ import annotations

import base64
import tempfile
import time
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from scripts_app.collection_check import faults
from scripts_app.configuration.problem import sentence
from scripts_app.core.collection import Collection, entry_of
from scripts_app.core.nearest import no_node
from scripts_app.draft import working
from scripts_app.dry_running.process import Superseded, Unanswered, ask
from scripts_app.entry_form import EntryForm
from scripts_app.models import unix_lines
from scripts_app.outside import PHI, NoPicture, NoSample, outside
from scripts_app.trying.samples import Sample, file_of, of_session, telling
from scripts_app.trying.trial_form import WrongSetting, given_of
from scripts_app.trying.trial_result import shown_result
from scripts_app.views.request import actor, draw, editors_only, trial_titles, user_of


@require_POST
@editors_only
def script_dry_run(request: HttpRequest) -> HttpResponse:
    """Everything in the draft, with what stands in the editor in its place."""
    begun = time.monotonic()
    content = working().content
    here = put_edited(content, request)
    try:
        told = _tried(request, content, here)
    except Superseded:
        return HttpResponse(status=204)
    told["took"] = round((time.monotonic() - begun) * 1000)
    if getattr(request, "htmx", False):
        return render(request, "scripts_app/_dry_run.html", told)
    return draw(request, "dry_run.html", told)


def put_edited(content: Collection, request: HttpRequest) -> str:
    """Put what is being edited into its place, enabled; answers the entry's key, empty for a library."""
    if path := request.POST.get("path", "").strip():
        content["libraries"][path] = unix_lines(request.POST.get("source", ""))
        return ""
    key = request.POST.get("key") or "new"
    entry = {**EntryForm.of_post(request.POST).entry(key), "enabled": True}
    stored = entry_of(content, key)
    if stored is None:
        content["entries"].append(entry)
    else:
        content["entries"][content["entries"].index(stored)] = entry
    return key


def _tried(request: HttpRequest, content: Collection, here: str) -> dict[str, Any]:
    try:
        # A person waits for a page's newest result alone; what is tried in another window goes on.
        whose = f"{request.session.session_key} {_page(request)}"
        sample, question, answer = _asked(request, content, whose)
    except (NoSample, WrongSetting, Untriable) as error:
        return {"refused": str(error)}
    except Superseded:
        raise
    except Unanswered as error:
        return {"refused": str(error)}
    if "refused" in answer:
        return answer
    return {**shown_result(answer["result"], content, here), "sample": sample, "asked": question}


def _asked(
    request: HttpRequest, content: Collection, whose: str = "", **more: str
) -> tuple[Sample, dict[str, Any], dict[str, Any]]:
    """The chosen image, what was asked about it, and the answer; whose earlier question ends: see ``ask``."""
    sample, question = question_of(request, content)
    outside.audit_once(actor(request), "dry run", _told(sample))
    with file_of(sample) as file:
        return sample, question, ask({**question, "file": str(file), **more}, whose)


def _told(sample: Sample) -> str:
    """What the audit log calls it: the name of an upload may be a patient's."""
    return "an upload" if sample.kind == "upload" else sample.name


def _page(request: HttpRequest) -> str:
    """What the open page calls itself."""
    return request.POST.get("trial_page", "")[:40]


class Untriable(Exception):
    """These scripts cannot be tried at all; the text says why."""


def question_of(request: HttpRequest, content: Collection) -> tuple[Sample, dict[str, Any]]:
    """The chosen image, and what the process for dry runs is asked about it; NoSample, WrongSetting, Untriable."""
    if wrong := untriable(content):
        raise Untriable(wrong)
    sample = of_session(request.session)
    if sample is None:
        raise NoSample("choose an image first: upload one, or take a synthetic one")
    sees_all = user_of(request).has_perm(PHI)
    if telling(sample) and not sees_all:
        raise NoSample("images of patients may be tried by those who may see patient data")
    source, destination = titles_of(request, sample)
    return sample, {
        "content": content,
        "source": source,
        "destination": destination,
        # With the queue a script could print the patients in it.
        "with_queue": sees_all,
        "given": given_of(request.POST, outside.ae_titles()),
        "detailed": True,
    }


def untriable(content: Collection) -> str:
    """What keeps these scripts from being tried at all; one that does not compile is a result, and no reason."""
    enabled = [entry for entry in content["entries"] if entry["enabled"]]
    wrong = [fault for fault in faults({**content, "entries": enabled}, outside.ae_titles()) if fault.line is None]
    return "; ".join(map(str, wrong))


def titles_of(request: HttpRequest, sample: Sample) -> tuple[str, str]:
    """Sender and destination as the form says, else those of the image; WrongSetting."""
    destination = request.POST.get("destination", "").strip() or sample.destination_ae_title
    if destination != sample.destination_ae_title and destination not in (known := trial_titles()):
        raise WrongSetting(f"for: {no_node(destination, known)}")
    source = request.POST.get("source_ae_title", "").strip() or sample.source_ae_title
    return source, destination or next(iter(outside.ae_titles()), "")


@require_POST
@editors_only
def script_output(request: HttpRequest, number: int) -> HttpResponse:
    """The file that would leave as output ``number`` of the dry run, or with ``picture`` its first frame; made anew."""
    content = working().content
    put_edited(content, request)
    with tempfile.TemporaryDirectory(prefix="outputs-") as folder:
        try:
            sample, _, answer = _asked(request, content, output=folder)
            if "refused" in answer:
                raise Untriable(answer["refused"])
            outputs = answer["result"]["outputs"]
            if not 1 <= number <= len(outputs):
                raise Untriable("the scripts make no such file any more")
            path, destination = Path(outputs[number - 1]["file"]), outputs[number - 1]["destination"]
        except (NoSample, WrongSetting, Untriable, Unanswered) as error:
            if getattr(request, "htmx", False):
                refusal = {"refusal": f"Nothing was made: {sentence(str(error))}"}
                return render(request, "scripts_app/_picture.html", refusal, status=422)
            return draw(request, "dry_run.html", {"refused": str(error)}, 422)
        if "picture" in request.POST:
            return draw_picture(request, path, f"for {destination}")
        outside.audit(actor(request), "download", _told(sample), form=f"dry run, for {destination}")
        headers = {"Content-Disposition": f'attachment; filename="{path.name}"'}
        return HttpResponse(path.read_bytes(), content_type="application/dicom", headers=headers)


def draw_picture(request: HttpRequest, path: Path, which: str) -> HttpResponse:
    """The first frame of a file; its decoder runs in a process of its own."""
    context: dict[str, Any] = {"which": which}
    try:
        if outside.picture is None:
            raise NoPicture("Nobody draws pictures here.")
        about, picture = outside.picture(path)
        context |= {"about": about, "picture": base64.b64encode(picture).decode("ascii")}
    except NoPicture as refusal:
        context["refusal"] = str(refusal)
    return render(request, "scripts_app/_picture.html", context)
