"""Where the page of an item is, seen from the list that a person looks through."""

from django import template
from django.template.context import RequestContext
from django.urls import reverse

from routing.views.neighbours import filter_of

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
