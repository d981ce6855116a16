"""What a kept test expects: written by hand, by two people, and of patients."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from routing.models import AuditRecord
from scripts_app.models import ScriptTest
from tests.pages import kept_tests
from tests.pages.kept_tests import PART_10, kept
from tests.pages.people import visitor, words

pytestmark = pytest.mark.django_db
author, router = kept_tests.author, kept_tests.router


def expect(client, *rows, **more):
    columns = {
        f"e_{name}": [row[at] for row in rows] for at, name in enumerate(("kind", "destination", "path", "value"))
    }
    address = reverse("script_test", args=[ScriptTest.objects.get().pk])
    return client.post(address, {**columns, "mark": client.get(address).context["mark"], **more})


def test_what_a_test_expects_is_written_by_hand_too(author, router):
    author.post(reverse("script_sample"), {"bundled": "CT"})
    kept(author)
    page = words(author.get(reverse("script_test", args=[ScriptTest.objects.get().pk])))
    assert "PatientName name = 'ANON'" in page
    expect(author, ("goes", "AI", "", ""), ("", "", "ignored", ""), ("equals", "PACS", " PatientID ", "7"))
    assert ScriptTest.objects.get().expected["exactly"] is False
    seen = words(author.post(reverse("script_tests_run")))
    assert "nothing goes to AI" in seen
    assert router[-1]["read"] == [("PatientID", "")]
    assert AuditRecord.objects.filter(action="change script test").exists()
    expect(author, ("goes", "PACS", "", ""), exactly="on")
    assert "All 1 tests came out as expected" in words(author.post(reverse("script_tests_run")))
    kept(author)
    assert ScriptTest.objects.get().expected["checks"][0]["kind"] == "goes", "keeping it anew keeps them"


def test_what_somebody_else_expects_meanwhile_is_not_overwritten_unseen(author):
    author.post(reverse("script_sample"), {"bundled": "CT"})
    kept(author)
    seen = author.get(reverse("script_test", args=[ScriptTest.objects.get().pk])).context["mark"]
    expect(visitor("administrator"), ("not", "AI", "", ""), exactly="on")
    answer = expect(author, ("equals", "", "NoSuchElement", "a mistake"), mark=seen)
    answer = expect(author, ("goes", "PACS", "", ""), mark=answer.context["mark"])
    assert answer.status_code == 422
    assert "meanwhile, to: everything as when it was kept; does not go to AI. Yours is below" in words(answer)
    assert [check["kind"] for check in ScriptTest.objects.get().expected["checks"]] == ["not"]
    expect(author, ("goes", "PACS", "", ""), mark=answer.context["mark"])
    assert [check["kind"] for check in ScriptTest.objects.get().expected["checks"]] == ["goes"]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([("equals", "", "PatientNam", "1")], "nearest is 'PatientName'"),
        ([("goes", "", "", "")], "choose a destination"),
        ([("not", "PAKS", "", "")], "no node has the AE title 'PAKS'; did you mean 'PACS'?"),
        ([], "expect something"),
        ([("goes", "PACS", "", "")] * 101, "101 lines: at most 100 are kept"),
    ],
)
def test_expectations_that_cannot_be_are_refused(author, rows, told):
    author.post(reverse("script_sample"), {"bundled": "CT"})
    kept(author)
    answer = expect(author, *rows)
    assert (answer.status_code, told in words(answer)) == (422, True)
    assert "checks" not in ScriptTest.objects.get().expected


def test_expectations_of_a_persons_image_are_for_those_who_may_see_them(author):
    trusted = visitor("administrator")
    trusted.post(reverse("script_sample"), {"file": SimpleUploadedFile("ct.dcm", PART_10)})
    kept(trusted)
    address = reverse("script_test", args=[ScriptTest.objects.get().pk])
    assert (author.get(address).status_code, author.post(address).status_code) == (403, 403)
    assert trusted.get(address).status_code == 200


def of_a_patient():
    """A test over a patient's image, with a value of it that somebody has written down."""
    checks = [{"kind": "equals", "destination": "", "path": "PatientID", "value": "PATIENT-7"}]
    expected = {"result": "prepared", "outputs": [], "checks": checks, "exactly": False}
    titles = {"source_ae_title": "CT_1", "destination_ae_title": "PACS"}
    return ScriptTest.objects.create(
        name="the name goes", image=PART_10, expected=expected, created_by="bert", **titles
    )


def test_who_may_not_see_patients_cannot_take_over_what_is_expected_of_one(author):
    test = of_a_patient()
    author.post(reverse("script_sample"), {"bundled": "CT"})
    answer = kept(author)
    assert (answer.status_code, "Not kept: a test of that name has a patient's image" in words(answer)) == (422, True)
    assert author.get(reverse("script_test", args=[test.pk])).status_code == 403


def test_what_is_expected_of_a_patient_is_not_shown_to_all_once_the_image_is_another(author):
    test = of_a_patient()
    other = visitor("script author", phi=True)
    other.post(reverse("script_sample"), {"bundled": "CT"})
    assert kept(other).status_code == 200
    test.refresh_from_db()
    assert (test.bundled, "checks" in test.expected) == ("CT", False)
    assert "PATIENT-7" not in words(author.get(reverse("script_test", args=[test.pk])))
