"""Samples that are kept: on request alone, de-identified unless somebody may see patient data, for those who may."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from routing.models import AuditRecord
from scripts_app.models import SampleCapture, ScriptSample
from scripts_app.outside import SampleCopy, outside
from scripts_app.trying import kept_samples
from scripts_app.trying.samples import of_session
from scripts_app.views import dry_run
from tests.builders import node
from tests.pages.authors import many_conditions
from tests.pages.people import HTMX, person, visitor, words

pytestmark = pytest.mark.django_db
PART_10 = bytes(128) + b"DICM" + bytes(100)


@pytest.fixture(autouse=True)
def router(tmp_path, monkeypatch):
    """Copies are made here without their process: de-identified ones say so."""
    monkeypatch.setattr(settings, "CAPACITOR", replace(settings.CAPACITOR, data_dir=tmp_path))
    node("PACS")

    def copied(file, deidentified):
        content = b"CLEAN" if deidentified else file.read_bytes()
        return SampleCopy(content, "CT Image Storage", deidentified, "7 values replaced" if deidentified else "")

    monkeypatch.setattr(outside, "copied", copied)


def with_upload(role, **options):
    client = visitor(role, **options)
    client.post(reverse("script_sample"), {"file": SimpleUploadedFile("ct.dcm", PART_10)}, headers=HTMX)
    return client


def keep(client, name="CT with contrast", **fields):
    return client.post(reverse("script_sample_keep"), {"sample_name": name, **fields}, headers=HTMX)


def sample(name="a CT", **columns):
    values = {"image": PART_10, "size": 232, "about": "CT", "source_ae_title": "CT_9", "destination_ae_title": "PACS"}
    return ScriptSample.objects.create(name=name, created_by="anna", **(values | columns))


def test_an_upload_is_kept_when_somebody_asks_and_is_chosen_then(tmp_path):
    client = with_upload("script author")
    assert not ScriptSample.objects.exists()
    answer = words(keep(client, deidentify="on"))
    assert "Kept as “CT with contrast”: 7 values replaced." in answer
    kept = ScriptSample.objects.get()
    assert (bytes(kept.image), kept.deidentified, kept.created_by) == (b"CLEAN", True, "the script author")
    assert of_session(client.session).kind == "kept"
    assert list((tmp_path / "samples").iterdir()) == [], "the upload itself is gone"
    assert AuditRecord.objects.get(action="keep sample").detail["note"] == "7 values replaced"


def test_without_de_identification_it_takes_the_right_to_patient_data():
    assert "those who may see patient data" in words(keep(with_upload("script author")))
    assert not ScriptSample.objects.exists()
    keep(with_upload("administrator"))
    assert (bytes(ScriptSample.objects.get().image), ScriptSample.objects.get().deidentified) == (PART_10, False)


def test_samples_that_may_tell_of_a_patient_are_seen_by_those_who_may_see_patient_data():
    hidden, clean = sample("Mrs Secret's CT"), sample("clean CT", deidentified=True)
    author, trusted = visitor("script author"), visitor("administrator")
    assert "Secret" not in words(author.get(reverse("script_samples")))
    assert "clean CT" in words(author.get(reverse("script_samples")))
    assert "Secret" in words(trusted.get(reverse("script_samples")))
    assert "Secret" not in words(author.get(reverse("script_entry_new")))
    for address in ("script_sample_use", "script_sample_delete"):
        author.post(reverse(address, args=[hidden.pk]))
    assert of_session(author.session) is None
    assert ScriptSample.objects.filter(pk=hidden.pk).exists()
    author.post(reverse("script_sample_use", args=[clean.pk]))
    assert of_session(author.session).name == "clean CT"


def test_a_kept_sample_is_what_dry_runs_take(monkeypatch):
    asked = []

    def answer(question, who=""):
        asked.append(Path(question["file"]).read_bytes())
        return {"refused": "-"}

    monkeypatch.setattr(dry_run, "ask", answer)
    client = visitor("script author")
    answer = client.post(reverse("script_sample"), {"kept": sample(deidentified=True).pk}, headers=HTMX)
    assert "Image: a CT" in words(answer)
    client.post(reverse("script_dry_run"), {"script": "print(1)"}, headers=HTMX)
    assert asked == [PART_10]


def test_who_has_lost_the_right_does_not_go_on_with_it(monkeypatch):
    monkeypatch.setattr(dry_run, "ask", lambda question, who="": {"refused": "it was asked"})
    client = visitor("script author", phi=True)
    client.post(reverse("script_sample"), {"kept": sample().pk}, headers=HTMX)
    tried = {"script": "print(1)"}
    assert "it was asked" in words(client.post(reverse("script_dry_run"), tried, headers=HTMX))
    person("script author").user_permissions.clear()
    assert "those who may see patient data" in words(client.post(reverse("script_dry_run"), tried, headers=HTMX))


def test_what_is_removed_cannot_be_tried_any_more():
    kept, client = sample(deidentified=True), visitor("script author")
    client.post(reverse("script_sample_use", args=[kept.pk]))
    client.post(reverse("script_sample_delete", args=[kept.pk]))
    answer = client.post(reverse("script_dry_run"), {"script": "print(1)"}, headers=HTMX)
    assert "no longer there" in words(answer)
    assert AuditRecord.objects.filter(action="remove sample").exists()


@pytest.mark.parametrize(
    ("fields", "told"),
    [({"name": " "}, "give the sample a name"), ({"name": "taken"}, "there is a sample 'taken' already")],
)
def test_a_name_is_needed_and_used_once(fields, told):
    sample("taken")
    assert told in words(keep(with_upload("script author"), deidentify="on", **fields))


def test_there_is_a_limit_of_size_and_of_number(monkeypatch):
    client = with_upload("script author")
    monkeypatch.setattr(kept_samples, "MOST_BYTES", 3)
    assert "MiB at the most" in words(keep(client, deidentify="on"))
    monkeypatch.setattr(kept_samples, "MOST_BYTES", 300)
    monkeypatch.setattr(kept_samples, "MOST_SAMPLES", 0)
    assert "remove some first" in words(keep(client, deidentify="on"))
    assert not ScriptSample.objects.exists()


def wait(client, **fields):
    row = {"c_level": "0", "c_tag": "Modality", "c_match_expression": "MR", "c_search": "", "c_private_tag_creator": ""}
    return client.post(reverse("script_capture"), {"name": "next MR", "hours": "24", **row, **fields})


def test_more_conditions_than_a_page_saves_are_refused_and_none_is_left_out():
    answer = wait(visitor("script author"), deidentify="on", **many_conditions(1001))
    assert (answer.status_code, "1001 conditions" in words(answer)) == (422, True)
    assert not SampleCapture.objects.exists()


def test_somebody_waits_for_an_image_with_conditions_and_gives_up():
    client = visitor("script author")
    assert wait(client, deidentify="on", called="PACS").status_code == 302
    capture = SampleCapture.objects.get()
    assert (capture.called_ae_title, capture.conditions[0]["tag"], capture.deidentify) == ("PACS", "Modality", True)
    assert timedelta(hours=23) < capture.expires_at - timezone.now() < timedelta(hours=25)
    page = client.get(reverse("script_samples"))
    assert "waiting" in words(page)
    assert 'hx-trigger="every 3s"' in page.content.decode()
    client.post(reverse("script_capture_delete", args=[capture.pk]))
    assert not SampleCapture.objects.exists()
    assert set(AuditRecord.objects.values_list("action", flat=True)) == {
        "wait for sample",
        "give up waiting for sample",
    }


def test_a_wait_that_cannot_be_is_refused_with_what_was_written():
    client = visitor("script author")
    answer = wait(client)
    assert (answer.status_code, SampleCapture.objects.count()) == (422, 0)
    assert "without de-identification" in words(answer)
    assert 'value="MR"' in answer.content.decode()
    assert "a condition is wrong" in words(wait(client, deidentify="on", c_tag="Modalty"))
    assert "give the sample a name" in words(wait(client, deidentify="on", name=""))


def test_not_everybody_waits_at_once(monkeypatch):
    monkeypatch.setattr(kept_samples, "MOST_CAPTURES", 1)
    client = visitor("script author")
    wait(client, deidentify="on")
    assert "give one up first" in words(wait(client, deidentify="on", name="another"))


@pytest.mark.parametrize("phi", [False, True])
def test_for_which_patient_somebody_waits_is_shown_to_those_who_may_see_patients(phi):
    wait(visitor("administrator"), c_tag="PatientID", c_match_expression="ZZ-4711")
    author = visitor("script author", phi=phi)
    page = words(author.get(reverse("script_samples")))
    assert "PatientID" in page
    assert ("ZZ-4711" in page) is phi
    SampleCapture.objects.update(created_by="the script author")
    assert "ZZ-4711" in words(author.get(reverse("script_samples")))
