"""Studies: every image is counted once for each destination, and the answer stands on top."""

from datetime import datetime
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from routing.core.identifiers import first_at
from routing.core.states import QueueEvent, QueueState
from routing.forms import study_search
from routing.models import AuditRecord, OperatorAction, QueueItem
from routing.operating.replay import replay_for
from routing.queue.record import Move, record, record_for
from tests.builders import node, queue_item
from tests.pages.people import HTMX, visitor, words
from tests.pages.test_hostile_values import ATTRIBUTE, MARKUP, SCRIPT, alive

pytestmark = pytest.mark.django_db
STUDY = "1.2.826.77"


def study_of(states, **columns):
    """One item for each state."""
    return [queue_item(state, study_instance_uid=STUDY, **columns) for state in states]


def told(client, url=f"/studies/{STUDY}/"):
    return words(client.get(url))


@pytest.mark.fault(106)
def test_a_study_says_whether_everything_arrived_and_adds_up():
    study_of(["Delivered"] * 4 + ["Dropped", "New", "Prepared", "Rejected", "Expired"])
    study_of(["Delivered"] * 2 + ["Failed"], destination_ae_title="AI")
    queue_item(study_instance_uid="1.2.826.777")
    page = told(visitor())
    assert "No: AI lacks 1 of 3 images (1 failed); PACS lacks 2 of 8 images (1 rejected, 1 expired)" in page
    assert "AI 2 of 3 delivered, 1 failed incomplete 3 2 0 0 1 0 0" in page
    assert (
        "PACS 4 of 8 delivered, 2 waiting, 1 rejected, 1 expired, 1 dropped by a script incomplete 9 4 2 1 0 1 1"
        in page
    )
    assert "12 images received" in page


def test_what_a_person_deleted_is_not_told_as_the_doing_of_scripts():
    _, deleted, dropped, back = study_of(["Delivered", "Prepared", "New", "Prepared"])
    record_for(QueueItem.objects.filter(pk__in=[deleted.pk, back.pk]), QueueEvent.DELETED_BY_OPERATOR, actor="olga")
    QueueItem.objects.filter(pk__in=[dropped.pk, back.pk]).update(state="New", lease_owner="me")
    record([Move(pk, QueueState.NEW, QueueEvent.DROPPED) for pk in (dropped.pk, back.pk)], actor="worker", owner="me")
    replay_for(QueueItem.objects.filter(pk=deleted.pk), actor="otto")
    QueueItem.objects.filter(replay_of=deleted.pk).update(state="Dropped", study_instance_uid="")
    page = told(visitor())
    assert "Yes: 1 image arrived at PACS, but 1 image for PACS was deleted by a person." in page
    assert "1 of 1 delivered, 2 dropped by a script, 1 deleted by a person complete 4 1 0 3 0 0 0" in page
    assert "2 dropped by a script, 1 deleted by a person" in told(visitor(), "/studies/")


def test_copies_of_an_image_count_for_their_destination_but_the_image_once():
    original = queue_item("Delivered", study_instance_uid=STUDY)
    queue_item("Delivered", study_instance_uid=STUDY, received_id=original.pk, destination_ae_title="AI")
    page = told(visitor())
    assert "Yes: 1 image arrived at AI and PACS." in page
    assert "1 image received" in page


def test_series_are_told_apart_and_lead_to_the_queue():
    study_of(["Delivered"] * 2, series_instance_uid="1.2.826.77.1", modality="CT")
    study_of(["Failed"], series_instance_uid="1.2.826.77.2", modality="SR")
    page = told(visitor())
    assert "1.2.826.77.1 CT PACS 2 of 2 delivered complete" in page
    assert "1.2.826.77.2 SR PACS 0 of 1 delivered, 1 failed incomplete" in page
    link = f"/queue/?study={STUDY}&amp;destination=PACS&amp;state=Failed"
    assert link in visitor().get(f"/studies/{STUDY}/").content.decode()


def test_patient_data_is_hidden_from_those_who_may_not_see_it():
    study_of(["Delivered"], patient_name="MUSTER^ERIKA", patient_id="P-4711", accession_number="A-99")
    for url in ("/studies/", f"/studies/{STUDY}/"):
        assert all(text in told(visitor("operator", phi=True), url) for text in ("MUSTER^ERIKA", "P-4711", "A-99"))
    for url in ("/studies/", f"/studies/{STUDY}/"):
        seen = visitor("script author").get(url).content.decode()
        assert not any(text in seen for text in ("MUSTER", "P-4711", "A-99"))


def test_patient_data_finds_studies_only_for_those_who_may_see_it():
    study_of(["Delivered"], patient_name="MUSTER^ERIKA", patient_id="P-4711", accession_number="A-99")
    queue_item(study_instance_uid="9.9")
    for text in ("erika", "P-4711", "A-99", "1.2.826", STUDY):
        assert STUDY in told(visitor("operator", phi=True), f"/studies/?q={text}")
        assert "9.9" not in told(visitor("operator", phi=True), f"/studies/?q={text}")
    for text in ("erika", "P-4711", "A-99"):
        assert "No study matches" in told(visitor(), f"/studies/?q={text}")
    assert STUDY in told(visitor(), f"/studies/?q={STUDY}")


@pytest.mark.parametrize("name", ["MÜLLER^ÖZGÜR", "Müller^Özgür", "müller^özgür"])
def test_a_name_is_found_in_upper_and_lower_case(name):
    study_of(["Delivered"], patient_name=name)
    for text in ("müller", "MÜLLER", "Müller", "özgür", "Özgür", "ÖZGÜR"):
        for page in ("studies", "queue"):
            assert name in told(visitor("operator", phi=True), f"/{page}/?q={text}"), (page, text)


@pytest.mark.parametrize("window", [1, 3, 10_000])
def test_every_study_is_on_one_page_newest_first(monkeypatch, window):
    monkeypatch.setattr(study_search, "_FIRST_WINDOW", window)
    monkeypatch.setattr("routing.views.studies.PAGE", 3)
    for number in range(40):
        queue_item(study_instance_uid=f"7.{number % 8}")
    queue_item(study_instance_uid="")
    url, seen = "/studies/", []
    for _ in range(3):
        page = visitor().get(url, headers=HTMX)
        seen += [study.uid for study in page.context["studies"]]
        url = f"/studies/?before={page.context['older']}"
    assert seen == [f"7.{number}" for number in range(7, -1, -1)]
    assert page.context["older"] is None


def test_a_page_whose_studies_have_all_gone_shows_the_newest_ones():
    study_of(["Delivered"])
    page = visitor().get("/studies/?before=1")
    assert [study.uid for study in page.context["studies"]] == [STUDY]
    assert page.context["first"]


def test_a_day_narrows_the_studies_to_those_with_images_of_it():
    for day in (1, 2, 3):
        at = timezone.make_aware(datetime(2026, 5, day, 12))
        queue_item(id=first_at(at), study_instance_uid=f"5.{day}", created_at=at)
    page = told(visitor(), "/studies/?since=2026-05-02&until=2026-05-02")
    assert "Received from (UTC)" in page, "the browser may be in another zone"
    assert "5.2" in page
    assert "5.1" not in page
    assert "5.3" not in page
    assert "5.1" in told(visitor(), "/studies/?since=1800-01-01&until=9999-12-31")
    assert "to is left out: Enter a valid date." in told(visitor(), "/studies/?since=2026-05-01&until=never")
    assert "Search is left out: Null characters are not allowed." in told(visitor(), "/studies/?q=%00")


def test_an_image_that_was_replayed_counts_once_for_each_destination_by_its_newest_item():
    first = queue_item("Failed", study_instance_uid=STUDY)
    again = queue_item("Delivered", study_instance_uid=STUDY, received_id=first.pk, replay_of=first.pk)
    for state, run in (("Rejected", first), ("Delivered", again)):
        copy = {"received_id": first.pk, "copied_from": run.pk, "destination_ae_title": "AI"}
        queue_item(state, study_instance_uid=STUDY, **copy)
    page = told(visitor())
    assert "Yes: 1 image arrived at AI and PACS." in page
    assert "1 image received" in page
    assert "2 earlier items that were replayed or prepared again since are not counted" in page
    assert "PACS 1 of 1 delivered" in told(visitor(), "/studies/")


def test_a_replay_that_was_dropped_or_taken_back_takes_no_place():
    first = queue_item("Delivered", study_instance_uid=STUDY)
    queue_item("Dropped", study_instance_uid=STUDY, received_id=first.pk, replay_of=first.pk)
    page = told(visitor())
    assert "Yes: 1 image arrived at PACS." in page
    assert "PACS 1 of 1 delivered, 1 dropped by a script" in page


def test_an_original_and_a_copy_for_its_own_destination_are_both_to_arrive():
    first = queue_item("Failed", study_instance_uid=STUDY)
    queue_item("Delivered", study_instance_uid=STUDY, received_id=first.pk, copied_from=first.pk)
    assert "No: PACS lacks 1 of 2 images (1 failed)." in told(visitor())


def test_the_list_of_studies_is_in_the_audit_log_for_who_sees_patients_once_for_each_search():
    study_of(["Delivered"])
    client = visitor(phi=True)
    # Notes of an hour outlast a test, so the searches are like no others.
    before = 1 << 62
    for address in ("/studies/?q=A-1", "/studies/?q=A-1", "/studies/?q=T-1", f"/studies/?q=T-1&before={before}"):
        client.get(address)
    records = AuditRecord.objects.filter(action="viewed studies").order_by("pk")
    assert [record.detail for record in records] == [{"filter": "q=A-1"}, {"filter": "q=T-1"}]
    visitor("operator").get("/studies/")
    assert AuditRecord.objects.count() == 2


ASK = f"/queue/ask/?study={STUDY}&scope=matching&back=/studies/{STUDY}/"
ACT = f"/queue/act/?study={STUDY}"


def act(action, client=None, url=ACT, **form):
    form = {"action": action, "scope": "matching", "back": f"/studies/{STUDY}/", **form}
    return (client or visitor("operator")).post(url, form)


@pytest.mark.fault(106)
def test_an_operator_retries_what_is_stuck_in_a_study_and_nothing_else():
    pacs = node()
    stuck = study_of(["Failed", "Rejected", "Expired"], node=pacs, prepared_at=timezone.now())
    done = study_of(["Delivered", "Dropped"], node=pacs)
    other = queue_item("Failed", study_instance_uid="9.9", prepared_at=timezone.now())
    client = visitor("operator")
    said = words(client.get(f"{ASK}&action=retry"))
    assert "Retry 3 items?" in said
    assert "Not 1: Delivered: “Retry” means nothing there." in said
    answer = act("retry", client)
    assert (answer.status_code, answer["Location"]) == (302, f"/studies/{STUDY}/")
    why = "Delivered: “Retry” means nothing there; Dropped: “Retry” means nothing there"
    assert f"3 items retried. 2 items could not be: {why}." in told(client)
    states = dict(QueueItem.objects.values_list("pk", "state"))
    assert {states[item.pk] for item in stuck} == {"Prepared"}
    assert [states[item.pk] for item in done] == ["Delivered", "Dropped"]
    assert states[other.pk] == "Failed"
    record = AuditRecord.objects.get(action="retry")
    assert (record.actor, record.object) == ("the operator", f"study {STUDY}")


def test_one_series_of_a_study_is_moved_and_the_others_stay():
    first, second = study_of(["Failed", "Failed"], series_instance_uid="1.1")
    other = study_of(["Failed"], series_instance_uid="1.2")[0]
    client = visitor("operator")
    page = client.get(f"/studies/{STUDY}/").content.decode()
    for action in ("replay", "change-destination", "delete", "move", "prepare-again"):
        assert f"study={STUDY}&amp;series=1.1&amp;action={action}" in page
    act("reject", client, url=f"{ACT}&series=1.1")
    states = dict(QueueItem.objects.values_list("pk", "state"))
    assert [states[item.pk] for item in (first, second, other)] == ["Rejected", "Rejected", "Failed"]
    assert AuditRecord.objects.get(action="reject").object == "series 1.1"


def test_a_button_of_a_study_that_means_nothing_says_why():
    study_of(["Delivered"])
    page = visitor("operator").get(f"/studies/{STUDY}/").content.decode()
    assert 'title="Not possible: nothing of it is Failed, Rejected or Expired"' in page
    assert f"study={STUDY}&amp;action=replay" in page
    assert f"study={STUDY}&amp;action=retry" not in page


def test_what_was_done_to_a_study_is_taken_back_on_its_page_by_who_did_it():
    stuck = study_of(["Failed", "Rejected"], node=node(), prepared_at=timezone.now())
    client = visitor("operator")
    act("retry", client)
    undo = f"/queue/undo/{OperatorAction.objects.get().pk}/"
    assert undo in client.get(f"/studies/{STUDY}/").content.decode()
    assert undo not in visitor("administrator").get(f"/studies/{STUDY}/").content.decode()
    back = {"back": f"/studies/{STUDY}/"}
    assert visitor("administrator").post(undo, back).status_code == 404
    assert visitor("viewer").post(undo, back).status_code == 403
    assert client.post(undo, back)["Location"] == f"/studies/{STUDY}/"
    assert "Undone: 2 items put back as before." in told(client)
    assert [QueueItem.objects.get(pk=item.pk).state for item in stuck] == ["Failed", "Rejected"]
    client.post(undo, back)
    assert "Too late to undo" in told(client)


def test_who_may_not_operate_has_no_button_and_is_refused():
    study_of(["Failed"])
    for role in ("viewer", "nobody"):
        assert act("retry", visitor(role)).status_code == 403
    assert QueueItem.objects.get().state == "Failed"
    assert "/queue/ask/" not in visitor("viewer").get(f"/studies/{STUDY}/").content.decode()
    assert "/queue/ask/" in visitor("operator").get(f"/studies/{STUDY}/").content.decode()
    assert visitor("nobody").get(f"/studies/{STUDY}/").status_code == 403


@pytest.mark.parametrize("uid", [".", "..", "a/../b", "./1.2", "1.2/.."])
def test_a_study_whose_address_a_browser_would_change_is_shown_in_the_queue(uid):
    queue_item(study_instance_uid=uid)
    address = f"/queue/?{urlencode({'study': uid})}"
    assert f'href="{address}"' in visitor().get("/studies/").content.decode()
    assert "All 1" in told(visitor(), address)


def test_a_study_of_which_nothing_is_kept_is_not_found():
    assert visitor("operator").get("/studies/9.9.9/").status_code == 404


@pytest.mark.parametrize("text", [MARKUP, ATTRIBUTE, SCRIPT, "a/b/../c", "?x=1#y", "line\nbreak"])
@pytest.mark.parametrize("phi", [True, False])
def test_hostile_values_stay_text_on_the_pages_of_studies(text, phi):
    item = queue_item(
        "Failed", study_instance_uid=text, series_instance_uid=text, modality=text[:16], patient_name=text
    )
    client = visitor("operator", phi=phi)
    page = client.get("/studies/", {"q": text})
    assert alive(page) == []
    assert alive(client.get(f"/queue/{item.pk}/")) == []
    from routing.templatetags.address_tags import study_address

    answer = client.get(study_address(text))
    assert answer.status_code == 200
    assert alive(answer) == []
