"""A script author who keeps tests of one entry, over dry runs that answer at once."""

from dataclasses import replace

import pytest
from django.conf import settings
from django.urls import reverse

from scripts_app.draft import working
from scripts_app.trying import script_tests
from tests.builders import lua_entry, node
from tests.pages.people import HTMX, visitor

PART_10 = bytes(128) + b"DICM" + bytes(100)
LOGS: dict[str, list[str]] = {"item_log": [], "log": []}


@pytest.fixture(autouse=True)
def router(tmp_path, monkeypatch):
    """Its dry runs answer with the name that the first script sets; the new UID differs at each run."""
    monkeypatch.setattr(settings, "CAPACITOR", replace(settings.CAPACITOR, data_dir=tmp_path))
    runs = []

    def answer(question):
        runs.append(question)
        name = {
            "tag": "0010,0010",
            "keyword": "PatientName",
            "old": "A^B",
            "new": question["content"]["entries"][0]["script"],
        }
        uid = {"tag": "0008,0018", "keyword": "SOPInstanceUID", "old": "1.2", "new": f"1.2.{len(runs)}"}
        outputs = [{"destination": "PACS", "original": True, "changes": [name, uid]}]
        return {"result": {"result": "prepared", "message": "", "entries": [], "outputs": outputs, **LOGS}}

    monkeypatch.setattr(script_tests, "ask", answer)
    node("PACS")
    node("AI")
    return runs


@pytest.fixture
def author():
    lua_entry("name = 'ANON'", description="anonymise")
    return visitor("script author")


def edit(client, script):
    (entry,) = working().content["entries"]
    address = reverse("script_entry", args=[entry["key"]])
    seen = client.get(address).context["mark"]
    client.post(address, {"script": script, "description": "anonymise", "enabled": "on", "mark": seen})


def kept(client, name="the name goes", **fields):
    (entry,) = working().content["entries"]
    values = {"key": entry["key"], "script": entry["script"], "test_name": name, "destination": "PACS", **fields}
    return client.post(reverse("script_test_save"), values, headers=HTMX)


def activate(client, **fields):
    return client.post(reverse("script_activate"), {"counter": working().counter, "reason": "why", **fields})
