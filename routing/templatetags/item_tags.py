"""Where the page of an item is, seen from the list that a person looks through, and when the item is tried next."""

from datetime import datetime

from django import template
from django.template.context import RequestContext
from django.urls import reverse
from django.utils import timezone

from routing.models import NodeStatus, QueueItem
from routing.nodes.gates import held_back, opens_at
from routing.selecting.neighbours import filter_of

register = template.Library()


@register.simple_tag(takes_context=True)
def item_address(context: RequestContext, item_id: int) -> str:
    """The page of an item, with the filter of the present address, so that it knows its neighbours."""
    return reverse("queue_item", args=[item_id]) + filter_kept(context)


@register.simple_tag(takes_context=True)
def filter_kept(context: RequestContext) -> str:
    """The filter of the present address with its question mark, for what leads back to this page; empty without one."""
    query = filter_of(context["request"].GET)
    return f"?{query.urlencode()}" if query else ""


@register.filter
def held_until(item: QueueItem) -> datetime | None:
    """When a Prepared item is tried next: its own moment or its node's back-off, whichever is later; None when due."""
    status = NodeStatus.objects.filter(node=item.node_id, failures_in_a_row__gt=0)
    moments = [item.not_before, status.values_list("not_before", flat=True).first()]
    ahead = [moment for moment in moments if moment is not None and moment > timezone.now()]
    return max(ahead, default=None)


register.filter("held_back", held_back)
register.filter("opens_at", opens_at)


@register.filter
def ahead(moment: datetime) -> bool:
    """Whether it has not come yet."""
    return moment > timezone.now()
