"""How pages show texts of images, scripts and nodes: legible, and as this person may see them."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import format_html

from routing.core.counted import thousands
from routing.core.legible import legible
from routing.core.repeated import REPEATED, Repeated
from routing.models import HistoryEntry, QueueItem
from routing.people.sight import Sight
from routing.templatetags.moment_tags import clock

register = template.Library()


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
