"""The dashboard says what is wrong, why and since when."""

import re
from collections import namedtuple
from datetime import timedelta

import pytest
from django.utils import timezone

from routing.core.traffic import minute_of
from routing.database import short_lived
from routing.database.short_lived import forget_all
from routing.models import (
    AuditRecord,
    KnownSender,
    NodeOutage,
    NodeStatus,
    ServiceProcess,
    TrafficMinute,
    UnknownSender,
)
from routing.showing import service
from routing.showing.problems import MOST_GROUPS
from routing.showing.service import WORK
from tests.builders import alive, node, queue_item
from tests.pages import people
from tests.pages.busy_router import busy_router
from tests.pages.people import HTMX, visitor

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def running_service():
    for role in WORK:
        alive(role)


def words(client=None):
    return people.words((client or visitor(phi=True)).get("/"))


def test_a_calm_router_says_that_nothing_is_wrong():
    assert "Nothing is wrong" in words()


def test_the_counts_stand_in_fixed_order_and_lead_to_the_filtered_queue():
    queue_item("Failed")
    queue_item("Failed")
    page = visitor().get("/").content.decode()
    assert re.findall(r'href="/queue/\?state=(\w+)">', page) == [
        *("New", "Prepared", "Failed", "Rejected", "Expired", "Delivered", "Dropped")
    ]
    assert re.search(r'state=Failed">\s*<span class="label">Failed</span><span class="figure">2</span>', page)


def test_what_left_for_a_destination_that_is_gone_counts_as_on_the_page_that_the_count_leads_to():
    queue_item("Delivered", destination_ae_title="GONE")
    queue_item("Dropped", destination_ae_title="CAPACITOR")
    page = visitor().get("/").content.decode()
    for state in ("Delivered", "Dropped"):
        assert f'<span class="label">{state}</span><span class="figure">1</span>' in page
        assert f"{state} 1" in people.words(visitor().get(f"/queue/?state={state}"))


def test_a_node_that_does_not_answer_is_told_with_cause_since_when_and_what_waits():
    pacs = node("PACS")
    NodeStatus.objects.create(
        node=pacs,
        failures_in_a_row=3,
        last_success_at=timezone.now() - timedelta(hours=2),
        last_failure_at=timezone.now(),
        not_before=timezone.now() + timedelta(seconds=125),
        last_error="connection refused",
    )
    for _ in range(42):
        queue_item("Prepared", node=pacs)
    told = words()
    assert re.search(r"PACS has taken no image since [\d: -]+ \(2 h ago\): connection refused; 42 images wait", told)
    assert re.search(r"Next try in 2 min after 3 failures in a row", told)
    # Nothing may have been sent for a long time before it died.
    NodeOutage.objects.create(node=pacs, ae_title="PACS", began_at=timezone.now() - timedelta(minutes=7))
    forget_all()
    assert re.search(r"PACS has taken no image since [\d: -]+ \(7 min ago\): connection refused", words())


def test_stuck_images_are_told_by_cause_in_plain_words_each_with_the_way_to_them():
    since = timezone.now() - timedelta(minutes=9)
    refused = "PACS: the node does not accept SOP class 1.2.840.10008.5.1.4.1.1.{}"
    for number in (3, 4):
        queue_item("Rejected", last_error=refused.format(number), prepared_at=since, updated_at=since)
    queue_item("Rejected", last_error="PACS answered 0xC000", prepared_at=timezone.now())
    queue_item("Failed", destination_ae_title="AI", last_error="no route", prepared_at=timezone.now())
    told = words()
    assert re.search(
        r"PACS has refused 2 images since .*? \(9 min ago\): the node does not accept SOP class \(UID\)", told
    )
    assert re.search(r"PACS has refused 1 image since .*?: 0xC000", told)
    assert re.search(r"1 image for AI failed since .*?: no route", told)
    queue_item("Expired", destination_ae_title="LONG_TERM", updated_at=since)
    forget_all()
    assert re.search(r"1 image for LONG_TERM expired since .*? \(9 min ago\): waited too long", words())
    client = visitor(phi=True)
    link = re.search(r'class="problem failure" href="([^"]+)"', client.get("/").content.decode())[1].replace(
        "&amp;", "&"
    )
    assert "error=" in link
    assert [item.last_error for item in client.get(link).context["page"].rows] == [refused.format(4), refused.format(3)]


def test_more_causes_than_anybody_reads_are_one_line_that_leads_to_all_of_them():
    for number in range(MOST_GROUPS + 3):
        queue_item("Failed", last_error=f"broken {'x' * number}", prepared_at=timezone.now())
    page = visitor(phi=True).get("/")
    assert page.content.decode().count('class="problem failure"') == MOST_GROUPS + 1
    assert re.search(
        r'href="/failures/".*?3 more images.*?failed, expired or were refused', page.content.decode(), re.DOTALL
    )


def test_the_newest_items_are_shown_with_their_fate_and_without_patients_for_those_who_may_not_see_them():
    for state in ("Delivered", "Failed"):
        item = queue_item(state, patient_name="SMITH^J")
    page = visitor(phi=True).get("/").content.decode()
    assert f'href="/queue/{item.pk}/"' in page
    assert page.count("SMITH^J") == 2
    forget_all()
    assert "SMITH" not in visitor("operator").get("/").content.decode()


@pytest.mark.fault(22, "the listener does not come up, or has died")
@pytest.mark.parametrize(("role", "consequence"), list(WORK.items()))
def test_a_process_that_died_is_told_with_what_it_means(role, consequence):
    ServiceProcess.objects.filter(role=role).delete()
    alive(role, ago=90)
    told = words()
    assert re.search(rf"No {role} process has been running since .*?{consequence}", told)
    assert "Nothing is wrong" not in told


def test_low_disk_space_is_told(monkeypatch):
    answer = namedtuple("answer", "f_bavail f_blocks f_frsize")(10, 1000, 4096)
    monkeypatch.setattr(service.os, "statvfs", lambda folder: answer)
    assert "new images are refused (0xA700)" in words()


def test_a_paused_node_with_waiting_images_is_a_notice():
    queue_item("Prepared", node=node("AI", paused=True))
    assert "AI is paused; 1 image waits" in words()


def test_htmx_gets_the_fragment_and_the_page_contains_the_same():
    busy_router()
    client = visitor(phi=True)
    fragment = client.get("/", headers=HTMX).content.decode()
    assert "<html" not in fragment
    assert "RESEARCH" in fragment
    assert "<html" in client.get("/", headers={**HTMX, "HX-History-Restore-Request": "true"}).content.decode()


def test_one_click_allows_an_unknown_sender_from_its_address():
    busy_router()
    stranger = UnknownSender.objects.get()
    answer = visitor("operator").post(f"/senders/unknown/{stranger.pk}/allow/", {"back": "/"})
    assert answer.headers["Location"] == "/"
    assert KnownSender.objects.get(ae_title="XA_NEW").network == "192.0.2.77"
    assert not UnknownSender.objects.exists()
    assert AuditRecord.objects.filter(actor="the operator", action="allow sender", object="XA_NEW").exists()


def test_allowing_a_sender_leads_to_no_other_site():
    busy_router()
    stranger = UnknownSender.objects.get()
    answer = visitor("operator").post(f"/senders/unknown/{stranger.pk}/allow/", {"back": "https://evil.example/"})
    assert answer.headers["Location"] == "/senders/"


def test_a_destination_shows_what_left_for_it_in_the_last_hour():
    node("PACS")
    node("AI")
    now = minute_of(timezone.now())
    for ago, count in ((2, 30), (1, 12), (90, 500)):
        TrafficMinute.objects.create(minute=now - ago, ae_title="PACS", delivered=count)
    page = visitor().get("/").content.decode()
    assert page.count('class="spark"') == 1
    assert "42 delivered in the last hour, 30 in the busiest minute" in page


def test_a_destination_outside_its_schedule_says_when_it_opens_or_that_the_schedule_is_set_aside():
    soon = timezone.localtime() + timedelta(hours=2, minutes=5)
    pacs = node("PACS", process_schedule=[f"{soon:%H:%M} - {soon + timedelta(minutes=5):%H:%M}"])
    assert re.search(r"PACS outside its schedule .*? Schedule opens in 2 h", words())
    pacs.ignore_schedule_until = timezone.now() + timedelta(minutes=30, seconds=9)
    pacs.save()
    forget_all()
    assert re.search(r"PACS untried .*? Schedule set aside, ends in 30 min", words(visitor("operator")))


@pytest.mark.parametrize(
    ("states", "leads_to"),
    [(["Expired"], "Expired"), (["Rejected"], "Rejected"), (["Failed", "Rejected"], "Failed"), ([], "Failed")],
)
def test_what_is_stuck_leads_to_where_it_is(states, leads_to):
    pacs = node("PACS")
    for state in states:
        queue_item(state, node=pacs)
    page = visitor().get("/")
    assert f'destination=PACS&amp;state={leads_to}"' in page.content.decode()
    assert f" {len(states)}stuck" in people.words(page)


@pytest.mark.parametrize(
    ("states", "leads_to"), [(["New"], "New"), (["New", "Prepared"], "Prepared"), ([], "Prepared")]
)
def test_what_waits_leads_to_where_it_is(states, leads_to):
    pacs = node("PACS", paused=True)
    for state in states:
        queue_item(state, node=pacs)
    there = f'destination=PACS&amp;state={leads_to}"'
    assert visitor().get("/").content.decode().count(there) == (2 if states else 1)
    assert there in visitor().get(f"/nodes/{pacs.pk}/status/").content.decode()


def test_the_last_echo_of_a_destination_is_told():
    now = timezone.now()
    NodeStatus.objects.create(node=node("PACS"), last_echo_at=now, last_echo_ok=True, last_echo_ms=11.8)
    NodeStatus.objects.create(node=node("AI"), last_echo_at=now, last_echo_ok=False, last_echo_ms=3000)
    taken = {"last_success_at": now + timedelta(seconds=1)}
    NodeStatus.objects.create(node=node("NO_ECHO"), last_echo_at=now, last_echo_ok=False, **taken)
    told = words()
    assert "AI does not answer C-ECHO" in told
    assert "NO_ECHO does not answer" not in told, "it took an image since"
    assert "PACS does not answer" not in told
    assert re.search(r"PACS .*? C-ECHO 12 ms", told)
    assert "C-ECHO no answer" in told


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        ({"adopted": 0, "missing": 0}, "every file had its row, every row its file, and nobody held anything"),
        ({"adopted": 3, "missing": 0}, "3 adopted (a file without a row)"),
        ({"adopted": 0, "missing": 2, "freed": 7}, "2 failed (the file is missing), 7 given back"),
        (
            {"adopted": 0, "unreadable": 1, "unreadable_files": ["7.dcm"]},
            "nobody held anything; now 1 in no queue (the log says why)",
        ),
    ],
)
def test_the_service_says_what_it_found_at_its_start(detail, said):
    ServiceProcess.objects.filter(role="housekeep").update(detail=detail)
    assert said in words()


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "1 received file cannot be adopted: 7.dcm; it is in no queue"),
        (9, "9 received files cannot be adopted: 7.dcm and more; they are in no queue"),
    ],
)
def test_a_received_file_that_can_be_in_no_queue_is_told(count, said):
    ServiceProcess.objects.filter(role="housekeep").update(
        detail={"adopted": 0, "missing": 0, "unreadable": count, "unreadable_files": ["7.dcm"]}
    )
    assert said in words()


def test_many_who_look_at_once_cost_as_much_as_one(django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(short_lived.time, "monotonic", lambda: 100.0)
    busy_router()
    first, second = visitor("viewer"), visitor("operator")
    first.get("/")
    second.get("/")
    with django_assert_num_queries(4):
        # Session, user and rights (of groups, of the user): nothing of the queue.
        assert second.get("/", headers=HTMX).status_code == 200


def test_what_a_person_did_is_seen_at_once():
    pacs = node("PACS")
    queue_item("Prepared", node=pacs)
    client = visitor("operator")
    assert "PACS is paused" not in words(client)
    client.post(f"/nodes/{pacs.pk}/pause/")
    assert "PACS is paused" in words(client)
