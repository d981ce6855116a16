"""How pages show states, moments, sizes and patient data."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.conf import settings
from django.template.context import RequestContext
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from pydicom.uid import UID

from routing.core.counted import thousands
from routing.core.legible import legible
from routing.core.repeated import REPEATED, Repeated
from routing.core.states import QueueState
from routing.models import Attempt, HistoryEntry, QueueItem
from routing.people.sight import Sight
from routing.selecting.offers import Offer, offers
from scripts_app.configuration.problem import sentence

register = template.Library()

_UID = re.compile(r"[0-9.]{1,64}")
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_MOST_SHOWN = 100
"""Changes of one record on a page."""
_IN_ORDER = ("verdict", "changes", "routes")
_SEVERAL = ("changes", "conditions", "steps")
"""Details of audit records that list things; two of them are no old and new value."""
_KEPT_WITH = {QueueState.PREPARED.value: "retrying"}


@register.inclusion_tag("_state_badge.html")
def state_badge(state: str, item: QueueItem | None = None) -> dict[str, Any]:
    """The state in words with its sign; an item that waits for another try says so."""
    retrying = item is not None and state in _KEPT_WITH and item.attempt_count > 0
    return {
        "state": state,
        "look": "retrying" if retrying else state.lower(),
        "held": bool(item and item.lease_owner),
        "retrying": retrying,
        "warning": bool(item and item.warning),
        "pending": item.pending_state if item else "",
    }


def span(seconds: float) -> str:
    """A duration in its largest unit, as in ``4 min``."""
    seconds = max(seconds, 0)
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "0 s"


register.filter(sentence)


@register.filter
def duration(value: timedelta | None) -> str:
    return "" if value is None else span(value.total_seconds())


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    """How long ago; the browser keeps it fresh and shows the moment with its zone on hover (D15)."""
    if moment is None:
        return "never"
    age = (timezone.now() - moment).total_seconds()
    words = f"{span(age)} ago" if age >= 1 else "just now"
    return _time(moment, "ago", words)


@register.filter
def age(moment: datetime | None) -> SafeString | str:
    """Like ``ago``, without the word: for columns and figures that are ages by their heading."""
    return "-" if moment is None else _time(moment, "age", span((timezone.now() - moment).total_seconds()))


@register.filter
def countdown(moment: datetime | None) -> SafeString | str:
    """How long until then; ``now`` once it has passed."""
    if moment is None:
        return ""
    left = (moment - timezone.now()).total_seconds()
    return _time(moment, "countdown", f"in {span(left)}" if left >= 1 else "now")


@register.filter
def clock(moment: datetime | None) -> SafeString | str:
    """Date and time; the browser shows them in its own zone."""
    return "-" if moment is None else _time(moment, "clock", f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}")


@register.filter
def moment(at: datetime) -> SafeString:
    """The time of day, with the date unless it is today's."""
    local, today = timezone.localtime(at), timezone.localdate()
    return _time(at, "moment", f"{local:%H:%M}" if local.date() == today else f"{local:%Y-%m-%d %H:%M}")


def _time(moment: datetime, shown_as: str, words: str) -> SafeString:
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" data-as="{}" title="{}">{}</time>',
        moment.isoformat(timespec="milliseconds"),
        shown_as,
        f"{local:%Y-%m-%d %H:%M:%S %Z}",
        words,
    )


register.filter(thousands)


@register.filter
def offers_of(item: QueueItem) -> list[Offer]:
    """The buttons of an item."""
    return offers(item)


@register.filter
def patient(value: Any, sight: Sight) -> str:
    """A patient's value as this person may see it."""
    return legible(sight.value(value))


@register.filter("legible")
def shown(text: Any) -> Any:
    """A text whose control characters can be read; what a script has kept may be a number, too."""
    return legible(text) if isinstance(text, str) else text


@register.filter
def by_script(text: Any, sight: Sight) -> Any:
    return shown(sight.by_script(text))


@register.filter
def by_preparation(text: str, sight: Sight) -> str:
    return legible(sight.by_preparation(text))


@register.filter
def by_node(text: str, sight: Sight) -> str:
    return legible(sight.by_node(text))


@register.filter
def reason(text: str, sight: Sight) -> str:
    return legible(sight.reason(text))


@register.filter
def error_of(item: QueueItem, sight: Sight) -> str:
    return legible(sight.last_error(item))


@register.filter
def note_of(entry: HistoryEntry, sight: Sight) -> str:
    if entry.event == REPEATED:
        told = Repeated.told_by(entry.event, entry.note, entry.at)
        return format_html("{} times since {}, for the same reason", thousands(told.times), clock(told.since))
    return legible(sight.note(entry))


@register.simple_tag
def about(sight: Sight, item: QueueItem, text: str) -> str:
    """What the router noted about an item."""
    return legible(sight.about(item, text))


@register.filter
def detail_of(detail: dict[str, Any], sight: Sight) -> list[tuple[str, str]]:
    """The detail of an audit record in words: (name, what it was and became); values as this person may see them."""
    told = []
    # PostgreSQL keeps no order of its own, and a script edits before its image leaves.
    for name, value in sorted(detail.items(), key=lambda pair: [pair[0] != early for early in _IN_ORDER]):
        if name in ("changes", "routes") and isinstance(value, list) and all(isinstance(part, dict) for part in value):
            told += [(f"entry {part.get('entry')}", _deed(part, sight)) for part in value]
        elif isinstance(value, list) and name in _SEVERAL:
            told.append((name, sight.value("; ".join(map(str, value)))))
        elif isinstance(value, list) and len(value) == 2:
            told.append((name, " → ".join(sight.value(part) or "nothing" for part in value)))
        else:
            told.append((name, str(value) if name == "verdict" else sight.value(value)))
    return told


@register.filter
def detail_shown(detail: dict[str, Any], sight: Sight) -> list[tuple[str, str]]:
    """The same for a page, which many edits of many images would make endless."""
    changes = detail.get("changes")
    cut = len(changes) - _MOST_SHOWN if isinstance(changes, list) else 0
    if cut > 0:
        detail = detail | {"changes": detail["changes"][:_MOST_SHOWN]}
    told = [(name, legible(words)) for name, words in detail_of(detail, sight)]
    return [*told, ("…", f"{thousands(cut)} more changes, in the files of this log")] if cut > 0 else told


def _deed(part: dict[str, Any], sight: Sight) -> str:
    """One edit or routing decision of a script."""
    if "path" not in part:
        return f"route:{part.get('operation')}({part.get('destination') or ''})"
    old, new = (sight.value(part.get(side)) or "nothing" for side in ("old", "new"))
    return f"{part.get('operation')} {part['path']} {part.get('keyword') or ''}: {old} → {new}"


@register.filter
def took(attempt: Attempt) -> str:
    """How long an attempt lasted."""
    seconds = (attempt.ended_at - attempt.started_at).total_seconds()
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


@register.filter
def uid_name(uid: str) -> str:
    """The name that PS3.6 gives a UID; the UID itself where it gives none."""
    return UID(uid).name if _UID.fullmatch(uid) else uid


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
def at_section(context: RequestContext, prefix: str) -> bool:
    """Whether the page belongs to this entry of the navigation."""
    request = context.get("request")
    path = getattr(request, "path", "")
    return path == prefix if prefix == "/" else path.startswith(prefix)


@register.simple_tag
def server_zone() -> str:
    return settings.TIME_ZONE
