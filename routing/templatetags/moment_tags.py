"""How pages show moments and durations."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString

from routing.models import Attempt

register = template.Library()

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def span(seconds: float) -> str:
    """A duration in its largest unit, as in ``4 min``."""
    seconds = max(seconds, 0)
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "0 s"


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


@register.filter
def at_moment(written: str) -> Any:
    """A moment that was kept as text."""
    return parse_datetime(written)


@register.filter
def ahead(moment: datetime) -> bool:
    """Whether it has not come yet."""
    return moment > timezone.now()


@register.filter
def took(attempt: Attempt) -> str:
    """How long an attempt lasted."""
    seconds = (attempt.ended_at - attempt.started_at).total_seconds()
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


@register.simple_tag
def server_zone() -> str:
    return settings.TIME_ZONE
