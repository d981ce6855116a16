"""Images for dry runs: what is taken, where it is kept, and who sees it."""

import errno
from dataclasses import replace

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from routing.models import AuditRecord
from routing.queue.spool import open_spool
from scripts_app.trying import samples
from scripts_app.trying.samples import NoDicom, choose, file_of, of_session, upload
from scripts_app.views import dry_run
from tests.builders import node, queue_item, received
from tests.pages.people import HTMX, person, visitor, words

pytestmark = pytest.mark.django_db
PART_10 = bytes(128) + b"DICM" + bytes(100)


@pytest.fixture(autouse=True)
def data_dir(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "CAPACITOR", replace(settings.CAPACITOR, data_dir=tmp_path))
    return tmp_path


@pytest.fixture
def asked(monkeypatch):
    """What the process for dry runs is asked; it answers with a result of nothing."""
    questions = []

    def answer(question, who=""):
        questions.append(question)
        state = {"study": {}, "series": {}}
        return {"result": {"result": "prepared", "message": "", "entries": [], "outputs": [], "state": state}}

    monkeypatch.setattr(dry_run, "ask", answer)
    return questions


def chosen(client, **fields):
    return client.post(reverse("script_sample"), fields, headers=HTMX)


def tried(client, **fields):
    script = {"script": "print(1)", "enabled": "on", **fields}
    return client.post(reverse("script_dry_run"), script, headers=HTMX)


def test_an_upload_is_kept_for_the_session_readable_by_its_owner_alone(data_dir):
    session = {}
    choose(session, upload("ct.dcm", [PART_10]))
    (kept,) = (data_dir / "samples").iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    with file_of(of_session(session)) as path:
        assert path.read_bytes() == PART_10


def test_the_next_upload_replaces_the_one_before(data_dir):
    session = {}
    choose(session, upload("one", [PART_10]))
    choose(session, upload("two", [PART_10]))
    assert len(list((data_dir / "samples").iterdir())) == 1
    assert of_session(session).name == "two"


def test_an_upload_goes_with_the_log_out(data_dir):
    author = visitor("script author")
    chosen(author, file=SimpleUploadedFile("ct.dcm", PART_10))
    assert len(list((data_dir / "samples").iterdir())) == 1
    author.post(reverse("logout"))
    assert not list((data_dir / "samples").iterdir())


@pytest.mark.parametrize("content", [b"", b"hello", bytes(200)])
def test_what_is_no_dicom_file_is_not_kept(data_dir, content):
    with pytest.raises(NoDicom, match="not a DICOM file"):
        upload("notes.txt", [content])
    assert list((data_dir / "samples").iterdir()) == []


def test_what_is_too_large_is_not_kept(data_dir, monkeypatch):
    monkeypatch.setattr(samples, "MOST_BYTES", 200)
    with pytest.raises(NoDicom, match="larger than"):
        upload("big.dcm", [PART_10, bytes(100), bytes(100)])
    assert list((data_dir / "samples").iterdir()) == []


def test_an_upload_for_which_the_disk_has_no_room_is_refused_and_leaves_nothing(data_dir, asked):
    def chunks():
        yield PART_10
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(NoDicom, match="cannot be kept: No space left on device"):
        upload("ct.dcm", chunks())
    assert list((data_dir / "samples").iterdir()) == []


def test_an_upload_that_is_gone_counts_as_none(data_dir, asked):
    client = visitor("script author")
    node("PACS")
    answer = chosen(client, file=SimpleUploadedFile("ct.dcm", PART_10))
    assert "ct.dcm" in words(answer)
    for file in (data_dir / "samples").iterdir():
        file.unlink()
    assert "choose an image first" in words(tried(client))
    assert asked == []


def test_the_editors_text_is_what_is_tried_and_nothing_is_stored(asked):
    node("PACS")
    client = visitor("script author")
    chosen(client, bundled="CT")
    assert "Prepared synthetic CT from MODALITY for PACS" in words(tried(client, destination="PACS"))
    (question,) = asked
    assert [entry["script"] for entry in question["content"]["entries"]] == ["print(1)"]
    assert (question["source"], question["destination"], question["with_queue"]) == ("MODALITY", "PACS", False)


def test_every_synthetic_image_is_a_dicom_file():
    for name in ("CT", "MR", "MG", "US"):
        with file_of(samples.Sample("bundled", name, name)) as path:
            assert path.read_bytes()[128:132] == b"DICM"
        assert not path.exists()


def test_an_image_of_the_queue_is_for_those_who_may_see_patient_data(asked):
    node("PACS")
    kept = received(open_spool())
    queue_item(id=7, received_id=kept.id, source_ae_title="CT_9", called_ae_title="PACS")
    author = visitor("script author")
    assert "those who may see patient data" in words(chosen(author, item="7"))
    trusted = visitor("administrator")
    assert "item 7" in words(chosen(trusted, item="7"))
    assert AuditRecord.objects.get().action == "take image for dry runs"
    tried(trusted)
    assert (asked[0]["source"], asked[0]["with_queue"]) == ("CT_9", True)
    assert asked[0]["file"] == str(open_spool().path(kept.id))


def test_who_has_lost_the_right_does_not_go_on_with_the_image_chosen_before(asked):
    node("PACS")
    kept = received(open_spool())
    queue_item(id=7, received_id=kept.id)
    author = visitor("script author", phi=True)
    chosen(author, item="7")
    person("script author").user_permissions.clear()
    assert "those who may see patient data" in words(tried(author))
    assert asked == []


@pytest.mark.parametrize("item", ["x", "-1", "99999999999999999999", "8"])
def test_an_item_that_is_not_there_is_told(item):
    assert "Not taken" in words(chosen(visitor("administrator"), item=item))


def test_what_cannot_be_tried_says_why(asked):
    node("PACS")
    client = visitor("script author")
    chosen(client, bundled="CT")
    assert "did you mean Modality?" in words(
        tried(client, c_level="0", c_tag="Modalty", c_match_expression="CT", c_search="", c_private_tag_creator="")
    )
    assert asked == []
