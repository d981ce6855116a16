"""Where the page of a study is."""

from contextlib import suppress

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode

register = template.Library()


@register.simple_tag
def study_address(uid: str) -> str:
    """The page of a study; for a UID that fits into no path (a line break, dots alone, nothing at all) the queue's."""
    # A browser takes "." and ".." in a path for steps, and asks for another page.
    if not {".", ".."} & set(uid.split("/")):
        with suppress(NoReverseMatch):
            return reverse("study", args=[uid])
    return f"{reverse('queue')}?{urlencode({'study': uid})}"
