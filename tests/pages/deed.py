"""One thing that a person can do on a page: who may, where its button is, and what is said afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import reverse
from playwright.sync_api import Locator, Page

OPERATOR, AUTHOR, ADMINISTRATOR = "operator", "script-author", "administrator"
LADDER = ("viewer", OPERATOR, AUTHOR, ADMINISTRATOR)
"""Each may what the one before it may, and more."""


def _nothing(page: Page, button: Locator) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Deed:
    """One button; ``{0}`` and so on in its address are the places' arguments, ``{r}`` the number of the role."""

    names: tuple[str, ...]
    """The addresses that it posts to, by their names in the URLconf."""
    role: str
    """The least role that may."""
    place: str
    """The page with the button."""
    button: str
    """Its selector."""
    told: str
    """What is said afterwards."""
    fill: Callable[[Page, Locator], None] = _nothing
    """What is to be done before the button can be pressed."""
    then: str = ""
    """Another button that appears and has to be pressed."""
    title: str = ""
    told_in: str = "#messages"

    def __str__(self) -> str:
        return self.title or self.names[-1]


def to(name: str, *arguments: object) -> str:
    """Selector of the button that posts to an address, wherever it stands."""
    url = reverse(name, args=arguments).replace("9999", "{r}")
    return f":is(button[formaction='{url}'], button[hx-post='{url}'], form[action^='{url}'] button)"
