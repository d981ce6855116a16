"""Addresses: this page with other parameters, the pages of items and studies, and the question about an action."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django import template
from django.template.context import RequestContext
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode

from routing.selecting.neighbours import filter_of

register = template.Library()


@register.simple_tag(takes_context=True)
def here(context: RequestContext, **changes: Any) -> str:
    """This page with some parameters changed, as an address that stands alone: an empty one would keep those it has."""
    return query(context, **changes) or "."


@register.simple_tag(takes_context=True)
def query(context: RequestContext, **changes: Any) -> str:
    """
    This page's parameters with some changed, to stand behind an address; None removes one.

    Page marks are always dropped.  Nothing without parameters.
    """
    chosen = context["request"].GET.copy()
    for name in ("before", "after", "rows", "more", *changes):
        chosen.pop(name, None)
    for name, value in changes.items():
        if value not in (None, ""):
            chosen[name] = str(value)
    return f"?{chosen.urlencode()}" if chosen else ""


@register.simple_tag(takes_context=True)
def filter_kept(context: RequestContext) -> str:
    """The filter of the present address with its question mark, for what leads back to this page; empty without one."""
    kept = filter_of(context["request"].GET)
    return f"?{kept.urlencode()}" if kept else ""


@register.simple_tag(takes_context=True)
def item_address(context: RequestContext, item_id: int) -> str:
    """The page of an item, with the filter of the present address, so that it knows its neighbours."""
    return reverse("queue_item", args=[item_id]) + filter_kept(context)


@register.simple_tag
def study_address(uid: str) -> str:
    """The page of a study; for a UID that fits into no path (a line break, dots alone, nothing at all) the queue's."""
    # A browser takes "." and ".." in a path for steps, and asks for another page.
    if not {".", ".."} & set(uid.split("/")):
        with suppress(NoReverseMatch):
            return reverse("study", args=[uid])
    return f"{reverse('queue')}?{urlencode({'study': uid})}"


@register.simple_tag
def ask_address(action: str, back: str, **meant: Any) -> str:
    """The question about an action: for an item (``ids``), or for what a filter matches; then back to that page."""
    chosen = {name: value for name, value in meant.items() if value}
    scope = {} if "ids" in chosen else {"scope": "matching"}
    return f"{reverse('queue_ask')}?{urlencode({**chosen, 'action': action, **scope, 'back': back})}"


@register.simple_tag(takes_context=True)
def at_section(context: RequestContext, prefix: str) -> bool:
    """Whether the page belongs to this entry of the navigation."""
    request = context.get("request")
    path = getattr(request, "path", "")
    return path == prefix if prefix == "/" else path.startswith(prefix)
