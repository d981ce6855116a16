"""A node's comment may quote any element that was sent: who may not see patients reads the status without it."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from routing.core.states import QueueEvent, QueueState
from routing.dicom.status import describe
from routing.models import Attempt, HistoryEntry, NodeStatus
from routing.people.sight import Sight
from tests.builders import node, queue_item
from tests.pages.people import person, visitor

pytestmark = pytest.mark.django_db
COMMENT = "MEIER^ANNA (born 1970) is another 0xA700 (patient): no"
CANNOT_UNDERSTAND = describe(0xC000)
PLACES = ["/", "/failures/", "/queue/", "/queue/7/", "/queue/8/related/", "/nodes/", "/nodes/{}/status/"]


def refused():
    """Item 7, de-identified by a script before it was sent, and what is known of its node."""
    now, text = timezone.now(), f"PACS answered {CANNOT_UNDERSTAND}: {COMMENT}"
    pacs = node("PACS")
    NodeStatus.objects.create(node=pacs, failures_in_a_row=1, last_failure_at=now, last_error=text)
    same = {"node": pacs, "prepared_at": now, "study_instance_uid": "1.2.3"}
    item = queue_item("Rejected", id=7, patient_name="ANON", last_error=text, last_status=0xC000, **same)
    queue_item("Prepared", id=8, **same)
    moved = {"at": now, "from_state": QueueState.PREPARED, "event": QueueEvent.REFUSED, "note": text}
    HistoryEntry.objects.create(item=item, to_state=QueueState.REJECTED, actor="worker", **moved)
    tried = {"started_at": now, "ended_at": now, "answer": "refused", "status": 0xC000, "comment": COMMENT}
    Attempt.objects.create(item=item, node=pacs, error=text, **tried)
    return pacs


@pytest.mark.parametrize("place", PLACES)
def test_the_comment_is_hidden_wherever_the_status_is_shown(place):
    place = place.format(refused().pk)
    seeing, blind = visitor("operator", phi=True).get(place), visitor("viewer").get(place)
    for answer, comment in ((seeing, True), (blind, False)):
        text = answer.content.decode()
        assert CANNOT_UNDERSTAND in text
        assert ("MEIER" in text) == comment
    assert not any(part in text for part in ("1970", "patient): no"))


def test_the_django_admin_shows_no_comment_beside_a_node():
    pacs = refused()
    boss = person("administrator")
    User.objects.filter(pk=boss.pk).update(is_staff=True)
    client = Client()
    client.force_login(boss)
    for place in ("/admin/routing/node/", f"/admin/routing/node/{pacs.pk}/change/"):
        text = client.get(place).content.decode()
        assert CANNOT_UNDERSTAND in text
        assert "MEIER" not in text


@pytest.mark.parametrize("status", [0x0107, 0x0110, 0xA700, 0xB000, 0xC001, 0xFF00, 0x1234])
def test_the_meaning_of_each_status_stays(status):
    told = f"gave up after 3 attempts: PACS answered {describe(status)}"
    assert Sight(False).by_node(f"{told}: {COMMENT}\nmore") == f"{told}: •••"
    assert Sight(False).by_node(told) == told
    assert Sight(True).by_node(f"{told}: {COMMENT}") == f"{told}: {COMMENT}"


def test_what_the_router_says_itself_is_not_hidden():
    text = "PACS at 192.0.2.30 port 104: no connection: Connection refused"
    assert Sight(False).by_node(text) == text
