"""Two people have the same form open: what one has not touched stays as the other has left it."""

import pytest

from routing.models import AuditRecord, KnownSender, Node
from tests.builders import node
from tests.pages.filled_form import filled_form
from tests.pages.people import visitor, words
from tests.routing.administration import administrators

pytestmark = pytest.mark.django_db
PLACES = ["/nodes/{}/", "/admin/routing/node/{}/change/"]
boss = administrators.boss


@pytest.mark.parametrize("place", PLACES)
def test_only_what_this_person_changed_is_written(boss, place):
    pacs = node("PACS", aliases=["ARCHIVE", "OTHER"], process_schedule=["22:00-6:00"])
    form = filled_form(boss.get(place.format(pacs.pk)))
    Node.objects.update(port=11112, paused=True, enabled=False, aliases=["ARCHIVE"])
    answer = boss.post(place.format(pacs.pk), form | {"description": "the archive"})
    assert answer.status_code == 302
    pacs = Node.objects.get()
    assert (pacs.description, pacs.port, pacs.paused, pacs.enabled) == ("the archive", 11112, True, False)
    assert (pacs.aliases, pacs.process_schedule) == (["ARCHIVE"], ["22:00-6:00"])
    detail = AuditRecord.objects.get(action="change node").detail
    assert detail.get("changes", detail) == {"description": ["", "the archive"]}


@pytest.mark.parametrize("place", PLACES)
def test_where_both_changed_the_same_both_values_are_shown_and_nothing_is_written(boss, place):
    pacs = node("PACS", aliases=["ARCHIVE"])
    address = place.format(pacs.pk)
    form = filled_form(boss.get(address))
    Node.objects.update(port=11112, host="pacs.example", aliases=["ARCHIVE", "OTHER"], paused=True)
    mine = {"port": "2762", "aliases": "MINE", "description": "the archive", "paused": "on"}
    answer = boss.post(address, form | mine)
    told = words(answer)
    assert "It was 104 and is 11112 now; yours is 2762." in told
    assert "It was ARCHIVE and is ARCHIVE, OTHER now; yours is MINE." in told
    assert told.count("Changed by somebody else meanwhile") == 2
    assert (Node.objects.get().port, Node.objects.get().description) == (11112, "")
    again = filled_form(answer)
    assert (again["port"], again["description"], again["host"]) == ("2762", "the archive", "pacs.example")
    assert boss.post(address, again).status_code == 302
    pacs = Node.objects.get()
    assert (pacs.port, pacs.aliases, pacs.host, pacs.paused) == (2762, ["MINE"], "pacs.example", True)


def test_switches_and_choices_are_told_in_words():
    pacs = node("PACS", role="Worklist", paused=True, priority=1)
    client = visitor("administrator")
    form = filled_form(client.get(f"/nodes/{pacs.pk}/"))
    Node.objects.update(role="Storage", priority=2)
    told = words(client.post(f"/nodes/{pacs.pk}/", form | {"priority": "0", "role": "QueryRetrieve"}))
    assert "It was High and is Low now; yours is Medium." in told
    assert "yours is Query Retrieve." in told


def test_of_a_sender_too_only_what_was_changed_is_written():
    sender = KnownSender.objects.create(ae_title="CT_1")
    client = visitor("operator")
    form = filled_form(client.get(f"/senders/{sender.pk}/"))
    KnownSender.objects.update(enabled=False, network="192.0.2.1")
    client.post(f"/senders/{sender.pk}/", form | {"description": "room 7"})
    sender.refresh_from_db()
    assert (sender.description, sender.enabled, sender.network) == ("room 7", False, "192.0.2.1")
    form = filled_form(client.get(f"/senders/{sender.pk}/"))
    KnownSender.objects.update(network="192.0.2.2")
    answer = client.post(f"/senders/{sender.pk}/", form | {"network": "192.0.2.3"})
    assert answer.status_code == 422
    assert "It was 192.0.2.1 and is 192.0.2.2 now; yours is 192.0.2.3." in words(answer)
    assert KnownSender.objects.get().network == "192.0.2.2"


def test_a_save_that_changes_nothing_notes_no_changes():
    pacs = node("PACS", aliases=["NIGHTLY"], sop_class_priorities=[])
    client = visitor("administrator")
    client.post(f"/nodes/{pacs.pk}/", filled_form(client.get(f"/nodes/{pacs.pk}/")))
    assert AuditRecord.objects.get(action="change node").detail == {}
