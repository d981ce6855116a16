"""Every address of the site that answers a GET, administration included, with hostile text in every table."""

import dataclasses
import re

import pytest
from django.apps import apps
from django.conf import settings
from django.utils import timezone

from routing.models import AuditRecord, KnownSender, Node, QueueItem, Rehearsal
from routing.spool.spool import Spool
from scripts_app.models import Activation, LuaEntry, LuaLibrary, SampleCapture, ScriptSample, ScriptTest
from tests.pages import permission_table as table
from tests.pages.busy_router import busy_router
from tests.pages.people import person, visitor
from tests.pages.rehearsed import rehearsed
from tests.pages.test_hostile_values import ATTRIBUTE, MARKUP, SCRIPT, LookForMarkup

pytestmark = pytest.mark.django_db
NO_PAGE = {
    "admin:login": "sends on whoever is logged in",
    "login": "sends on whoever is logged in",
    "admin:view_on_site": "no table has a page outside of the administration",
    "script_version_of": "sends on to the activation",
    "item_image": "a picture, drawn from a file that is not there",
    "item_download": "a file that is not there",
    "quarantine_download": "a file that is not there",
    "fix": "sends on to the editor",
    "readyz": "nobody is alive here",
}
"""Addresses that answer a GET with something else than a page, or that have nothing to show here."""


class LookInAdministration(LookForMarkup):
    """Django's own pages have pictures and scripts of their own: only what could be of an image counts."""

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.found += [name for name in given if name.startswith("on")]
        if tag == "img" and not given.get("src", "").startswith("/static/admin/"):
            self.found.append(tag)

    def handle_data(self, data):
        if self.cdata_elem == "script" and "alert(1)" in data:
            self.found.append("script")


@pytest.fixture
def spool(monkeypatch, tmp_path):
    # Pages look for files there; others of these tests leave some in the folder that all share.
    Spool(tmp_path / "spool", "none").mark()
    monkeypatch.setattr(settings, "CAPACITOR", dataclasses.replace(settings.CAPACITOR, data_dir=tmp_path))


def address(name, route):
    """With arguments that lead somewhere: the first row of the table that it is about."""
    if found := re.fullmatch(r"admin:([a-z]+(?:_app)?)_([a-z]+)_(?:change|delete|history)", name):
        row = apps.get_model(*found.groups())._default_manager.order_by("pk").first()
        own = {"object_id": row.pk} if row else {}
    else:
        own = {
            "item_id": 200,
            "node_id": Node.objects.order_by("pk")[0].pk,
            "sender_id": KnownSender.objects.order_by("pk")[0].pk,
            "key": LuaEntry.objects.order_by("pk")[0].pk,
            "path": LuaLibrary.objects.order_by("pk")[0].path,
            "study_instance_uid": QueueItem.objects.get(pk=200).study_instance_uid,
            "activation_id": Activation.objects.order_by("pk")[1].pk,
            "rehearsal_id": Rehearsal.objects.order_by("pk")[0].pk,
            "test_id": ScriptTest.objects.order_by("pk")[0].pk,
            "id": person("administrator").pk,
            "app_label": "routing",
            "kind": "called",
        }
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(own.get(found[1], 1)), route)


def in_the_workshop(text):
    """A sample, somebody who waits for one, and a test."""
    titles = {"source_ae_title": text[:16], "created_by": text[:150]}
    sample = {"image": b"", "size": 0, "about": text[:200], "note": text[:500], "destination_ae_title": text[:16]}
    ScriptSample.objects.create(name=text[:100], **sample, **titles)
    wait = {"called_ae_title": text[:16], "looked_until": 0, "expires_at": timezone.now(), "problem": text[:500]}
    condition = {"tag": text, "match_expression": text}
    SampleCapture.objects.create(name=text[:100], conditions=[condition], **wait, **titles)
    changed = {"destination": text, "original": False, "changes": {text: text}}
    check = {"kind": "equals", "destination": text, "path": text, "value": text}
    expected = {"result": text, "outputs": [changed], "checks": [check], "exactly": True}
    ScriptTest.objects.create(name=text[:100], bundled="CT", destination_ae_title="PACS", expected=expected, **titles)


def test_no_address_of_the_site_takes_a_strangers_text_for_markup(spool):
    text = ATTRIBUTE + MARKUP + SCRIPT
    busy_router(text)
    rehearsed(text)
    AuditRecord.objects.create(at=Node.objects.all()[0].updated_at, actor=text[:150], action="x", object=text[:200])
    in_the_workshop(text)
    client = visitor("administrator", phi=True)
    looked_at, unseen = 0, []
    for name, route in table.addresses():
        if (
            table.leads_elsewhere(name)
            or name.startswith("admin/")
            or name in NO_PAGE
            or table.rule(name)[0] in (table.NEVER, table.FORBIDDEN)
        ):
            continue
        place = address(name, route) + ("?action=retry&scope=matching" if name == "queue_ask" else "")
        answer = client.get(place)
        if not answer.headers["Content-Type"].startswith("text/html"):
            assert answer.headers["X-Content-Type-Options"] == "nosniff", name
            continue
        if answer.status_code != 200:
            unseen.append((name, place, answer.status_code))
            continue
        reader = LookInAdministration() if place.startswith("/admin/") else LookForMarkup()
        reader.feed(answer.content.decode())
        assert reader.found == [], f"{name}: {place}"
        looked_at += 1
    # Of the administration: rows of tables that this router has none of.
    assert [place for place in unseen if not place[0].startswith("admin:")] == []
    assert looked_at > 100
