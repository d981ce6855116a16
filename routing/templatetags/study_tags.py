"""Where the page of a study is."""

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode

register = template.Library()


@register.simple_tag
def study_address(uid: str) -> str:
    """The page of a study; for a UID that fits into no path (a line break, nothing at all) the queue's."""
    try:
        return reverse("study", args=[uid])
    except NoReverseMatch:
        return f"{reverse('queue')}?{urlencode({'study': uid})}"
