"""How pages write numbers, sentences and UIDs."""

from __future__ import annotations

import re

from django import template
from pydicom.uid import UID

from routing.core.counted import thousands
from scripts_app.configuration.problem import sentence

register = template.Library()

_UID = re.compile(r"[0-9.]{1,64}")

register.filter(thousands)
register.filter(sentence)


@register.filter
def at_most(number: int, cap: int) -> str:
    """A number whose counting stopped beyond ``cap``: 10 000+."""
    return f"{thousands(cap)}+" if number > cap else thousands(number)


@register.filter
def uid_name(uid: str) -> str:
    """The name that PS3.6 gives a UID; the UID itself where it gives none."""
    return UID(uid).name if _UID.fullmatch(uid) else uid
