"""How pages tell what a rehearsal came to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.template.context import RequestContext

from routing.core.legible import legible
from routing.models import Rehearsal
from routing.people.sight import Sight
from routing.trials.rehearsal import AUTHOR, HOW_MANY
from scripts_app.core.comparison import Effect
from scripts_app.core.script_content import fingerprint
from scripts_app.draft import working

register = template.Library()

WORDS = {
    Effect.FAILS: "would fail",
    Effect.ERRORS: "would meet an error",
    Effect.ROUTES: "would change destination",
    Effect.ELEMENTS: "would get other elements or state",
    Effect.BETTER: "would go better",
    Effect.IDENTICAL: "identical",
    Effect.UNTRIED: "could not be tried",
}


@register.filter
def effect_words(effect: str) -> str:
    return WORDS[Effect(effect)]


@register.filter
def in_figures(rehearsal: Rehearsal) -> str:
    """As in ``37 would change destination, 4 would fail, 459 identical``."""
    return ", ".join(f"{count} {WORDS[effect]}" for effect, count in rehearsal.figures())


@register.filter
def places(outputs: Iterable[Mapping[str, Any]]) -> str:
    """Where a result's outputs go."""
    return ", ".join(f"{each['destination']}{'' if each['original'] else ' (copy)'}" for each in outputs)


@register.filter
def wrong_ones(entries: Iterable[Mapping[str, Any]]) -> list[tuple[int, Mapping[str, Any]]]:
    """The entries that went wrong, with their numbers."""
    return [(number, entry) for number, entry in enumerate(entries, start=1) if entry["status"] == "error"]


@register.filter
def one_value(value: str | None, sight: Sight) -> str:
    return "" if value is None else legible(sight.value(value))


@register.inclusion_tag("routing/_draft_rehearsal.html", takes_context=True)
def draft_rehearsal(context: RequestContext) -> dict[str, Any]:
    """On the page where a draft is activated: what rehearsals of exactly this draft have come to."""
    user = context["request"].user
    if not user.has_perms(AUTHOR):
        return {}
    now = working()
    if not now.counter:
        return {}
    mark = fingerprint(now.content)
    found = list(Rehearsal.objects.defer("content", "items").order_by("-pk")[:20])
    return {
        "may": True,
        "found": [each for each in found if each.fingerprint == mark][:3],
        "others": any(each.fingerprint != mark for each in found),
        "how_many": HOW_MANY,
        "csrf_token": context.get("csrf_token"),
    }
