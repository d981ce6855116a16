"""What the script pages share: who may, who does, and which scripts the person sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from scripts_app.core.lua.api import OBJECTS
from scripts_app.core.lua.calls_queue import STATES
from scripts_app.draft import Working, working
from scripts_app.outside import PHI, outside
from scripts_app.trying.kept_samples import visible_samples
from scripts_app.trying.samples import MOST_BYTES, of_session
from scripts_app.trying.trial_form import NODE_ROWS, QUEUE_ROWS

EDIT = "scripts_app.edit_scripts"
MOST_CHOICES = 60
"""AE titles that a page lists; where there are more, it has a field, and suggestions for what is written in it."""
editors_only = permission_required(EDIT, raise_exception=True)
readers_only = permission_required("scripts_app.view_luaentry", raise_exception=True)


def user_of(request: HttpRequest) -> User:
    return cast(User, request.user)


def actor(request: HttpRequest) -> str:
    return user_of(request).get_username()


def draw(
    request: HttpRequest, page: str, context: dict[str, Any], status: int = 200, now: Working | None = None
) -> HttpResponse:
    """A page with the line about the draft that every script page has for those who may edit."""
    context = {"most_choices": MOST_CHOICES, **context}
    if user_of(request).has_perm(EDIT):
        now = now or working()
        context = {**context, "draft": now if now.counter else None, "changes": now.differences()}
    return render(request, f"scripts_app/{page}", context, status=status)


def within(request: HttpRequest, address: str) -> bool:
    """Whether this is an address on this site, as a form brings it to say where to go back to."""
    # What does not begin with a slash would be taken for the name of a page.
    return address.startswith("/") and url_has_allowed_host_and_scheme(
        address, {request.get_host()}, require_https=request.is_secure()
    )


def in_draft(request: HttpRequest, what: str) -> None:
    messages.success(request, f"{what} in the draft; nothing runs differently until it is activated.")


def not_removed(request: HttpRequest, what: str) -> None:
    messages.warning(request, f"{what} is not removed: somebody else has changed it meanwhile. This is what it is now.")


def beside_editor(request: HttpRequest, ae_titles: Sequence[str] = ()) -> dict[str, Any]:
    """What dry run and reference show beside an editor; ``ae_titles`` are those that the entry is for."""
    sample = of_session(request.session)
    called = sample.destination_ae_title if sample else ""
    titles = dict.fromkeys([*filter(None, [called]), *trial_titles()])
    chosen = called or next((title for title in ae_titles if title in titles), "")
    reference = [(found, [(found.signature(member), member) for member in found.members]) for found in OBJECTS]
    return {
        **sample_context(request),
        "trial_titles": titles,
        "trial_for": chosen,
        "trial_nodes": dict.fromkeys(outside.ae_titles()),
        "trial_states": STATES,
        "queue_rows": QUEUE_ROWS,
        "node_rows": NODE_ROWS,
        "reference": reference,
    }


def trial_titles() -> list[str]:
    """What an image of a dry run may be for."""
    return list(dict.fromkeys([*outside.ae_titles(), *outside.destinations()]))


def sample_context(request: HttpRequest) -> dict[str, Any]:
    """The chosen image, and what else there is to choose from."""
    user = user_of(request)
    sees_all = user.has_perm(PHI)
    return {
        "sample": of_session(request.session),
        "bundled": outside.bundled(),
        "kept_samples": visible_samples(sees_all),
        "recent_items": outside.recent_items() if sees_all and user.has_perm("routing.view_queueitem") else (),
        "most_bytes": MOST_BYTES,
    }
