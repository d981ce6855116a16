"""A script author, and what they post."""

import pytest
from django.urls import reverse

from scripts_app.draft import working
from tests.builders import node
from tests.pages.people import visitor

ENTRY = {
    "description": "to the AI server",
    "enabled": "on",
    "script": "route:Add('AI')\r\nprint(1)",
    "library": "",
    "on_error": "fail",
    "ae_titles": ["PACS"],
    "c_level": ["0", "0", "1"],
    "c_tag": ["Modality", "ProcedureCodeSequence", "CodeValue"],
    "c_match_expression": ["CT", "", "CH*"],
    "c_search": ["", "", ""],
    "c_private_tag_creator": ["", "", ""],
}


def many_conditions(count):
    """Fields of an entry's form, or of a capture's."""
    row = {"level": "0", "tag": "Modality", "match_expression": "CT", "search": "", "private_tag_creator": ""}
    return {f"c_{name}": [value] * count for name, value in row.items()}


@pytest.fixture
def author():
    node("PACS")
    return visitor("script author")


def activate(client, reason="ticket 7"):
    return client.post(reverse("script_activate"), {"counter": working().counter, "reason": reason})


def mark(client, address):
    return client.get(address).context["mark"]
