"""Tests stored with the scripts: kept from a dry run, run before a draft is activated."""

from io import StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.urls import reverse

from routing.models import AuditRecord
from scripts_app import loader
from scripts_app.draft import working
from scripts_app.models import Activation, ScriptTest
from tests.pages import kept_tests
from tests.pages.kept_tests import PART_10, activate, edit, kept
from tests.pages.people import person, visitor, words

pytestmark = pytest.mark.django_db
author, router = kept_tests.author, kept_tests.router


def test_a_roll_back_waits_for_no_test_and_says_so(author, router):
    edit(author, "name = 'OTHER'")
    activate(author)
    author.post(reverse("script_sample"), {"bundled": "CT"})
    kept(author)
    before = Activation.objects.last()
    assert "without the tests" in words(author.get(reverse("script_version", args=[before.pk])))
    asked = len(router)
    told = words(author.post(reverse("script_roll_back", args=[before.pk]), follow=True))
    assert f"Activation {before.pk} is active again. The tests were not run." in told
    assert loader.active().entries[0].script == "name = 'ANON'"
    assert len(router) == asked
    edit(author, "-- unrelated\nname = 'ANON'")
    assert "failed over this draft" in words(activate(author))


def test_a_test_is_kept_from_a_dry_run_and_told(author, router):
    author.post(reverse("script_sample"), {"bundled": "CT"})
    assert "Kept as “the name goes”" in words(kept(author))
    test = ScriptTest.objects.get()
    assert (test.bundled, test.image, test.created_by) == ("CT", None, "the script author")
    (output,) = test.expected["outputs"]
    assert output["changes"] == {"0010,0010 PatientName": "name = 'ANON'", "0008,0018 SOPInstanceUID": {"any": True}}
    assert not any(question["with_queue"] for question in router)
    assert AuditRecord.objects.get().action == "keep script test"


def test_all_tests_are_run_over_the_draft(author):
    author.post(reverse("script_sample"), {"bundled": "CT"})
    kept(author)
    assert "All 1 tests came out as expected" in words(author.post(reverse("script_tests_run")))
    edit(author, "name = 'OTHER'")
    seen = words(author.post(reverse("script_tests_run")))
    assert "1 of 1 test failed" in seen
    assert "PatientName becomes \"name = 'OTHER'\", expected \"name = 'ANON'\"" in seen


def test_a_failing_test_blocks_activation_until_somebody_overrides_it_and_that_is_kept(author):
    author.post(reverse("script_sample"), {"bundled": "CT"})
    kept(author)
    edit(author, "name = 'OTHER'")
    refused = activate(author)
    assert refused.status_code == 422
    assert "1 of 1 test failed" in words(refused)
    assert loader.active().entries[0].script == "name = 'ANON'"
    assert activate(author, despite_tests="on").status_code == 302
    assert loader.active().entries[0].script == "name = 'OTHER'"
    assert Activation.objects.first().reason == "why (despite failing tests: the name goes)"


@pytest.mark.parametrize("name", ["the name goes", "n" * 100])
def test_a_reason_without_end_leaves_room_for_the_tests_that_failed(author, name):
    author.post(reverse("script_sample"), {"bundled": "CT"})
    kept(author, name)
    edit(author, "name = 'OTHER'")
    author.post(reverse("script_activate"), {"counter": working().counter, "reason": "x" * 500, "despite_tests": "on"})
    reason = Activation.objects.first().reason
    assert len(reason) == 500
    assert reason.endswith(f"xxx (despite failing tests: {name})")
    detail = AuditRecord.objects.get(action="activate scripts").detail
    assert (detail["reason"], detail["despite failing tests"]) == ("x" * 500, name)


def test_a_test_that_holds_blocks_nothing(author):
    author.post(reverse("script_sample"), {"bundled": "CT"})
    kept(author)
    author.post(reverse("script_library_new"), {"path": "a.lua", "source": "x = 1"})
    assert activate(author).status_code == 302


def test_an_image_of_a_person_is_kept_and_its_values_shown_only_with_the_right(author):
    upload = SimpleUploadedFile("ct.dcm", PART_10)
    author.post(reverse("script_sample"), {"file": upload})
    assert "those who may see patient data" in words(kept(author))
    assert not ScriptTest.objects.exists()
    trusted = visitor("administrator")
    trusted.post(reverse("script_sample"), {"file": SimpleUploadedFile("ct.dcm", PART_10)})
    kept(trusted)
    assert bytes(ScriptTest.objects.get().image) == PART_10
    edit(author, "name = 'OTHER'")
    seen = words(author.post(reverse("script_tests_run")))
    assert "OTHER" not in seen.split("Tests")[1]
    assert "shown to those who may see patient data" in seen
    assert "OTHER" in words(trusted.post(reverse("script_tests_run")))
    assert person("script author").has_perm("routing.view_phi") is False


@pytest.mark.parametrize(("name", "told"), [("", "give the test a name"), (" ", "give the test a name")])
def test_a_test_needs_a_name(author, name, told):
    author.post(reverse("script_sample"), {"bundled": "CT"})
    assert told in words(kept(author, name))


def test_a_test_without_an_image_is_refused(author):
    assert "choose an image first" in words(kept(author))


def test_a_test_is_removed_and_that_is_noted(author):
    author.post(reverse("script_sample"), {"bundled": "CT"})
    kept(author)
    author.post(reverse("script_test_delete", args=[ScriptTest.objects.get().pk]))
    assert not ScriptTest.objects.exists()
    assert AuditRecord.objects.filter(action="remove script test").exists()


@pytest.mark.parametrize(
    ("script", "options", "code", "told"),
    [
        (None, {}, 0, "ok      the name goes\nall 1 tests passed"),
        ("name = 'OTHER'", {}, 0, "all 1 tests passed"),
        ("name = 'OTHER'", {"draft": True}, 1, "1 of 1 tests failed"),
    ],
)
def test_the_command_runs_all_and_its_exit_code_tells(author, script, options, code, told):
    author.post(reverse("script_sample"), {"bundled": "CT"})
    kept(author)
    if script:
        edit(author, script)
    output = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("test_scripts", stdout=output, **options)
    assert ended.value.code == code
    assert told in output.getvalue()


def test_the_command_tests_a_configuration_directory(author, tmp_path):
    author.post(reverse("script_sample"), {"bundled": "CT"})
    kept(author)
    (tmp_path / "lua.yml").write_text("- Script: name = 'DIR'\n", encoding="utf-8")
    output = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("test_scripts", stdout=output, config=tmp_path)
    assert ended.value.code == 1
    assert "becomes \"name = 'DIR'\"" in output.getvalue()
    (tmp_path / "lua.yml").write_text("- Skript: x\n", encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        call_command("test_scripts", stderr=StringIO(), config=tmp_path)
    assert ended.value.code == 2
