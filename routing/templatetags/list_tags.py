"""What long lists need: headings that order, the rows a refresh asks for, and what was done to many of them."""

from __future__ import annotations

from django import template
from django.db import models
from django.template.context import RequestContext
from django.utils.html import format_html
from django.utils.safestring import SafeString

from routing.core.counted import counted, thousands
from routing.models import OperatorAction
from routing.operating.operator_actions import Action
from routing.selecting.bulk import DONE, LABELS
from routing.selecting.keyset import KeysetPage
from routing.templatetags.address_tags import here

register = template.Library()


@register.filter
def deed(done: OperatorAction) -> str:
    """What an action has done, in words; what it has only asked for is told apart."""
    action = Action(done.action)
    if not done.moved:
        return f"{counted(done.pending, 'item')} in progress: “{LABELS[action]}” follows"
    follows = f", {thousands(done.pending)} in progress to follow" if done.pending else ""
    return f"{counted(done.moved, 'item')} {DONE[action]}{follows}"


@register.filter
def row_ids(page: KeysetPage[models.Model]) -> str:
    """The rows of a page, for a refresh that shows the same ones."""
    return ",".join(str(row.pk) for row in page.rows)


@register.simple_tag(takes_context=True)
def sortable(context: RequestContext, label: str, name: str, look: str = "") -> SafeString:
    """The heading of a column that orders the list; a plain one where the list has no order to choose."""
    order = context.get("order")
    if order is None:
        return format_html('<th class="{}">{}</th>', look, label)
    falling = order == f"-{name}"
    going = ' aria-sort="descending"' if falling else ' aria-sort="ascending"' if order == name else ""
    # Ages grow while moments fall, so their first click shows what changed or came last.
    address = here(context, sort=name if falling else f"-{name}")
    sign = "▾" if falling else "▴" if order == name else ""
    return format_html(
        '<th class="{}"{}><a class="order" id="order-{}" href="{}">{}<span aria-hidden="true">{}</span></a></th>',
        look,
        SafeString(going),
        name,
        address,
        label,
        sign,
    )
