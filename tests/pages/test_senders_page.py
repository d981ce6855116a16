"""Who may send: allowed, changed and removed by operators."""

from dataclasses import replace

import pytest
from django.conf import settings

from routing.database.short_lived import forget_all
from routing.engine.receiving.refused import note_unknown_sender
from routing.models import AuditRecord, KnownSender, Node, UnknownSender
from routing.views.dashboard import MOST_SENDERS
from tests.builders import node
from tests.pages.people import visitor, words

pytestmark = pytest.mark.django_db


def test_an_operator_allows_a_sender_from_a_network():
    visitor("operator").post("/senders/new/", {"ae_title": " CT_1 ", "network": "192.0.2.0/24", "enabled": "on"})
    sender = KnownSender.objects.get()
    assert (sender.ae_title, sender.network, sender.enabled) == ("CT_1", "192.0.2.0/24", True)
    assert AuditRecord.objects.get().action == "allow sender"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ae_title": "A" * 17}, "at most 16"),
        ({"ae_title": "CT_1", "network": "room 7"}, "neither an address nor a network"),
        ({"ae_title": "CT_1", "network": "fe80::1%eth0"}, "names an interface, at which is not looked: leave out what"),
        ({"ae_title": "MR_2", "network": ""}, "already exists"),
    ],
)
def test_a_wrong_sender_is_named_and_not_saved(fields, words):
    KnownSender.objects.create(ae_title="MR_2")
    answer = visitor("operator").post("/senders/new/", fields)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert KnownSender.objects.count() == 1


def test_an_operator_changes_and_removes_a_sender():
    sender = KnownSender.objects.create(ae_title="CT_1")
    client = visitor("operator")
    client.post(f"/senders/{sender.pk}/", {"ae_title": "CT_1", "network": "192.0.2.1"})
    sender.refresh_from_db()
    assert (sender.network, sender.enabled) == ("192.0.2.1", False)
    client.post(f"/senders/{sender.pk}/delete/")
    assert not KnownSender.objects.exists()
    assert list(AuditRecord.objects.values_list("action", flat=True)) == ["remove sender", "change sender"]


def test_who_removes_a_sender_hears_whether_it_may_still_send(monkeypatch):
    here, anywhere, _, last = (
        KnownSender.objects.create(ae_title=title, network=network, enabled=enabled)
        for title, network, enabled in (
            ("CT_1", "192.0.2.1", True), ("CT_1", "", True), ("CT_1", "192.0.2.2", False), ("MR_1", "", True)
        )
    )  # fmt: skip
    client = visitor("operator")

    def told(sender):
        return words(client.post(f"/senders/{sender.pk}/delete/", follow=True))

    assert "CT_1 from 192.0.2.1 is removed; CT_1 from anywhere may still send." in told(here)
    assert "CT_1 from anywhere may no longer send." in told(anywhere)
    monkeypatch.setattr(settings, "CAPACITOR", replace(settings.CAPACITOR, accept_unknown_senders=True))
    assert "MR_1 from anywhere is removed; anybody may send all the same." in told(last)


def test_an_empty_list_says_what_that_means():
    assert "Nobody may send yet." in visitor().get("/senders/").content.decode()


def test_the_page_says_when_anybody_may_send(monkeypatch):
    assert "Anybody may send" not in visitor().get("/senders/").content.decode()
    monkeypatch.setattr(settings, "CAPACITOR", replace(settings.CAPACITOR, accept_unknown_senders=True))
    page = visitor("operator").get("/senders/").content.decode()
    assert "Anybody may send" in page
    assert "Nobody may send" not in page


@pytest.mark.parametrize("page", ["/", "/senders/"])
def test_a_known_title_from_another_address_is_told_as_that_however_many_others_were_refused(page):
    KnownSender.objects.create(ae_title="CT_1", network="192.0.2.0/24")
    KnownSender.objects.create(ae_title="OFF", network="192.0.2.7", enabled=False)
    for title in ("CT_1", "OFF", *(f"GUESS{number}" for number in range(MOST_SENDERS))):
        note_unknown_sender(title, "198.51.100.7", "PACS")
    told = words(visitor("operator").get(page))
    assert "CT_1 198.51.100.7" in told
    assert told.count("Not its address") == 1
    assert "Not its address: CT_1 may send from 192.0.2.0/24." in told


def test_whoever_allows_a_caller_that_a_colleague_has_just_allowed_hears_of_it_where_the_button_was():
    note_unknown_sender("MR_9", "192.0.2.9", "PACS")
    caller = UnknownSender.objects.get()
    button = {"path": f"/senders/unknown/{caller.pk}/allow/", "data": {"back": "/"}}
    visitor("operator").post(**button)
    late = visitor("operator").post(**button, follow=True)
    assert late.redirect_chain == [("/", 302)]
    assert "no longer: look whether it is allowed by now" in words(late)
    assert KnownSender.objects.get().ae_title == "MR_9"


def test_a_sender_that_may_send_and_calls_no_node_is_told_until_a_node_has_that_title():
    """After a renaming its images come no more, and the modality tells nobody."""
    pacs = node("PACS")
    KnownSender.objects.create(ae_title="CT_1")
    for _ in range(2):
        note_unknown_sender("CT_1", "192.0.2.9", "ARCHIVE")
    client = visitor("operator")
    told = words(client.get("/"))
    assert "CT_1 at 192.0.2.9 was refused 2 times since" in told
    assert "it calls ARCHIVE, which means no node" in told
    assert "Allow CT_1" not in told + words(client.get("/senders/"))
    Node.objects.filter(pk=pacs.pk).update(aliases=["ARCHIVE"])
    forget_all()
    assert "was refused" not in words(client.get("/"))
