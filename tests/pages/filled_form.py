"""What a browser without JavaScript sends when somebody presses Save on a page as it stands."""

from __future__ import annotations

from html.parser import HTMLParser

from django.http import HttpResponse


class _Fields(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._within = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        name = given.get("name", "")
        if tag == "input" and given.get("type") not in ("submit", "button", "checkbox"):
            self.values[name] = given.get("value", "")
        elif tag == "input" and given.get("type") == "checkbox" and "checked" in given:
            self.values[name] = "on"
        elif tag in ("select", "textarea"):
            self._within = name
            self.values[name] = ""
        elif tag == "option" and "selected" in given:
            self.values[self._within] = given["value"]

    def handle_data(self, data: str) -> None:
        if self.lasttag == "textarea" and self._within:
            self.values[self._within] += data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("select", "textarea"):
            self._within = ""


def filled_form(page: HttpResponse) -> dict[str, str]:
    """Every field of the page with its value, hidden ones too."""
    fields = _Fields()
    fields.feed(page.content.decode())
    return fields.values
