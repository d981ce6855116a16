"""Rows of the queue in fragments: drawn once for everybody who looks at the same ones."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from operator import attrgetter

from django import template
from django.template.context import RequestContext
from django.template.engine import Engine
from django.utils.safestring import SafeString, mark_safe

from routing.models import QueueItem
from routing.templatetags.address_tags import filter_kept

register = template.Library()
_ROW = "routing/_queue_row.html"
_COLUMNS = attrgetter(*(column.attname for column in QueueItem._meta.concrete_fields if column.attname != "recipe"))
_MOST = 5000
"""Rows kept; a hundred pages of them."""
_TOKEN_HERE = secrets.token_hex(16)
"""Stands in kept rows where each visitor's own token belongs; random, so that no image can hold it."""

_drawn: dict[tuple[object, ...], str] = {}


@register.simple_tag(takes_context=True)
def queue_rows(context: RequestContext, rows: Iterable[QueueItem]) -> SafeString:
    """
    The rows of a list; in a fragment those that did not change are not drawn again.

    A row may show its item's own columns, and of the rest of the context only
    what ``_common`` names.  The ages in it may be old: the browser renews them.
    """
    drawing = Engine.get_default().get_template(_ROW)
    common = _common(context)
    parts: list[str] = []
    for item in rows:
        with context.push(item=item, csrf_token=_TOKEN_HERE):
            if not context.get("fragment"):
                parts.append(drawing.render(context))
                continue
            key = common, *_COLUMNS(item)
            if (drawn := _drawn.get(key)) is None:
                if len(_drawn) >= _MOST:
                    _drawn.clear()
                drawn = _drawn[key] = drawing.render(context)
            parts.append(drawn)
    # All parts were drawn by a template, and a token is made of letters and digits.
    return mark_safe("".join(parts).replace(_TOKEN_HERE, str(context.get("csrf_token", ""))))  # noqa: S308


def _common(context: RequestContext) -> tuple[object, ...]:
    """What a row depends on beside its item: rights, tab, filter."""
    operates = context["perms"]["routing"]["operate_queue"]
    tab = context.get("state") if context.get("beyond") else None
    return context["sight"], bool(operates), bool(context.get("bulk")), tab, filter_kept(context)
