"""Configuration files in Django admin: download, upload, plan, and only then the change."""

import io
import os
import re
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from routing.administration import configuration
from routing.configuration import uploads
from routing.configuration.archive import MOST_PACKED, pack
from routing.configuration.export import export_files
from routing.models import AuditRecord, KnownSender, Node
from scripts_app.draft import change
from scripts_app.models import Activation, LuaEntry, LuaLibrary
from tests.builders import lua_entry, node, queue_item
from tests.pages.people import person, visitor, words

pytestmark = pytest.mark.django_db

SITE = {
    "nodes.yml": "- AeTitle: PACS\n  HostName: pacs.example\n  Port: 11112\n- AeTitle: AI\n  HostName: 10.0.0.2\n",
    "lua.yml": "- Description: to the AI\n  Script: libs/route.lua\n  AeTitles: [PACS]\n",
    "libs/route.lua": "route:Add('AI')\n",
}


@pytest.fixture(autouse=True)
def data(tmp_path: Path, settings: SimpleNamespace) -> Iterator[Path]:
    """Uploads are kept below a folder of the test's own."""
    folder = tmp_path / "data"
    folder.mkdir()
    given = {name: getattr(settings.CAPACITOR, name) for name in settings.CAPACITOR.__dataclass_fields__}
    settings.CAPACITOR = type(settings.CAPACITOR)(**given | {"data_dir": folder})
    yield folder


def administrator() -> Client:
    return visitor("administrator")


def plan(client: Client, files: Mapping[str, str] | bytes, name: str = "site.zip") -> Any:
    content = files if isinstance(files, bytes) else pack(files)
    return client.post(reverse("configuration_plan"), {"archive": SimpleUploadedFile(name, content)})


def fields(page: Any) -> dict[str, str]:
    """What the Apply button would send."""
    return dict(re.findall(r'<input type="hidden" name="(token|mark|name)" value="([^"]*)"', page.content.decode()))


def apply(client: Client, page: Any) -> Any:
    return client.post(reverse("configuration_apply"), fields(page), follow=True)


def test_a_plan_changes_nothing_and_apply_does_all_of_it_in_the_users_name(data: Path) -> None:
    node("OLD")
    client = administrator()
    page = plan(client, SITE)
    told = words(page)
    assert page.status_code == 200
    assert "add 4, remove 1" in told
    for step in ("add node PACS (Storage) pacs.example:11112", "add file libs/route.lua", "remove node OLD (Storage)"):
        assert step in told
    assert [row.ae_title for row in Node.objects.all()] == ["OLD"]
    assert not AuditRecord.objects.exists() and not LuaEntry.objects.exists()
    assert [path.stat().st_mode & 0o777 for path in (data / "imports").iterdir()] == [0o600]

    answer = apply(client, page)
    assert "Applied site.zip: add 4, remove 1." in words(answer)
    assert {row.ae_title for row in Node.objects.all()} == {"PACS", "AI"}
    assert LuaEntry.objects.get().library == LuaLibrary.objects.get(source="route:Add('AI')\n")
    record = AuditRecord.objects.get()
    assert (record.actor, record.action, record.object) == ("the administrator", "import configuration", "site.zip")
    assert len(record.detail["steps"]) == 5
    active = Activation.objects.get()
    assert (active.actor, active.reason) == ("the administrator", "imported from site.zip")
    assert list((data / "imports").iterdir()) == []


def test_apply_twice_applies_once() -> None:
    client = administrator()
    page = plan(client, SITE)
    apply(client, page)
    Node.objects.filter(ae_title="AI").update(paused=True)
    assert "Nothing was applied: the upload has been applied or replaced" in words(apply(client, page))
    assert Node.objects.get(ae_title="AI").paused
    assert AuditRecord.objects.count() == 1


def test_an_archive_of_what_is_there_has_nothing_to_apply(data: Path) -> None:
    client = administrator()
    apply(client, plan(client, SITE))
    page = plan(client, client.get(reverse("configuration_export")).content)
    assert "nothing to change" in words(page) and "Apply" not in words(page)
    assert fields(page) == {} and list((data / "imports").iterdir()) == []


CHANGES = {
    "a node": lambda: Node.objects.filter(ae_title="PACS").update(port=4242),
    "a node that is to be removed": lambda: node("NEW"),
    "a script": lambda: LuaLibrary.objects.create(path="libs/other.lua", source="x = 1\n"),
    "the queue": lambda: queue_item("Prepared", node=Node.objects.get(ae_title="OLD")),
}


@pytest.mark.parametrize("changed", CHANGES)
def test_what_changed_since_the_plan_shows_the_plan_again_instead(changed: str) -> None:
    node("PACS", host="other.example")
    node("OLD")
    client = administrator()
    page = plan(client, SITE)
    CHANGES[changed]()
    before = export_files()
    again = apply(client, page)
    assert again.status_code == 409
    assert "Nothing was applied: nodes, senders, scripts or the queue have changed since" in words(again)
    assert export_files() == before and not AuditRecord.objects.exists()
    assert fields(again)["mark"] != fields(page)["mark"]
    assert "Applied site.zip" in words(apply(client, again))
    assert Node.objects.get(ae_title="PACS").port == 11112


def test_images_that_come_and_go_meanwhile_do_not_ask_again() -> None:
    old = node("OLD")
    queue_item("Prepared", node=old)
    client = administrator()
    page = plan(client, SITE)
    assert "disable node OLD (Storage) not removed: 1 images in the queue are for it" in words(page)
    queue_item("Prepared", node=old)
    assert "Applied site.zip" in words(apply(client, page))
    assert not Node.objects.get(ae_title="OLD").enabled


def test_every_mistake_is_told_with_file_and_line_and_nothing_is_kept(data: Path) -> None:
    wrong = {
        "nodes.yml": "- AeTitle: PACS\n  Prot: 104\n",
        "lua.yml": "- Script: |\n    x = = 1\n- Script: print(1)\n  AeTitles:\n    - PASC\n",
    }
    page = plan(administrator(), {f"site/{name}": text for name, text in wrong.items()})
    assert page.status_code == 422
    told = words(page)
    assert "site.zip has 3 mistakes; nothing was changed." in told
    for place in ("nodes.yml:2: a node has no key 'Prot'; did you mean 'Port'?", "lua.yml:2: ", "lua.yml:5: AeTitles"):
        assert place in told
    assert not Node.objects.exists() and not (data / "imports").exists()
    assert "/tmp" not in told and str(data) not in told


def test_a_page_of_mistakes_has_an_end() -> None:
    page = plan(administrator(), {"nodes.yml": "- Prot: 1\n" * 300})
    assert page.content.decode().count("<li>nodes.yml:") == configuration.MOST_SHOWN
    assert re.search(r"and \d+ more", words(page))


HOSTILE = {
    "../nodes.yml": "must not contain",
    "/nodes.yml": "must be relative",
    "<img src=x onerror=alert(1)>.sh": "is not taken",
}


@pytest.mark.parametrize(("name", "message"), HOSTILE.items(), ids=range(len(HOSTILE)))
def test_a_hostile_archive_is_refused_and_shown_as_text(name: str, message: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("nodes.yml", "[]")
        archive.writestr(name, "[]")
    page = plan(administrator(), packed.getvalue(), name="<img src=x>.zip")
    assert page.status_code == 422 and message in words(page)
    assert b"<img src=x" not in page.content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"nodes: []", "the archive: is no .zip file"),
        (b"", "The submitted file is empty."),
        (b"P" * (MOST_PACKED + 1), "The file is larger than 5 MiB."),
    ],
)
def test_what_is_no_archive_or_too_large_is_refused(content: bytes, message: str) -> None:
    page = plan(administrator(), content)
    assert page.status_code == 422 and message in words(page)


def test_no_file_is_a_clear_error() -> None:
    page = administrator().post(reverse("configuration_plan"))
    assert page.status_code == 422 and "This field is required." in words(page)


def test_an_upload_is_its_owners_alone() -> None:
    page = plan(administrator(), SITE)
    other = Client()
    other.force_login(User.objects.create_superuser("other"))
    assert "Nothing was applied" in words(apply(other, page))
    assert not Node.objects.exists()
    assert "Applied site.zip" in words(apply(administrator(), page))


def test_an_upload_is_forgotten_after_a_quarter_of_an_hour(data: Path) -> None:
    client = administrator()
    page = plan(client, SITE)
    (file,) = (data / "imports").iterdir()
    old = time.time() - uploads.KEPT_MINUTES * 60 - 1
    os.utime(file, (old, old))
    assert "is older than 15 minutes. Choose the file again." in words(apply(client, page))
    assert not Node.objects.exists() and not file.exists()


def test_somebody_has_one_upload_at_a_time(data: Path) -> None:
    client = administrator()
    first = plan(client, SITE)
    second = plan(client, {"nodes.yml": "- AeTitle: OTHER\n"})
    assert len(list((data / "imports").iterdir())) == 1
    assert "applied or replaced" in words(apply(client, first))
    assert "Applied site.zip" in words(apply(client, second))


@pytest.mark.parametrize("token", ["", "x" * 32, "../../secret_key", "*", "0" * 32])
def test_a_made_up_token_applies_nothing(token: str) -> None:
    client = administrator()
    sent = fields(plan(client, SITE)) | {"token": token}
    answer = client.post(reverse("configuration_apply"), sent, follow=True)
    assert "Nothing was applied" in words(answer)
    assert not Node.objects.exists()


def test_an_export_that_is_imported_and_exported_again_is_the_same_archive() -> None:
    client = administrator()
    apply(client, plan(client, SITE))
    lua_entry("print('x')\nprint('y')", description="000000")
    answer = client.get(reverse("configuration_export"))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="configuration.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == export_files()
    assert AuditRecord.objects.filter(action="export configuration", actor="the administrator").exists()
    for table in (LuaEntry, LuaLibrary, Node):
        table.objects.all().delete()
    apply(client, plan(client, answer.content))
    assert Node.objects.count() == 2 and LuaEntry.objects.count() == 2
    assert client.get(reverse("configuration_export")).content == answer.content


def test_the_page_counts_senders_to_the_configuration_as_the_files_do() -> None:
    KnownSender.objects.create(ae_title="CT_1")
    client = administrator()
    told = words(client.get(reverse("configuration")))
    assert "senders" not in told.partition("Export")[2].partition("not part of it")[0]
    assert "Nodes, senders, entries and .lua files become what the files say" in told
    assert "senders.yml" in told
    page = plan(client, {"senders.yml": "[]\n"})
    assert "remove sender CT_1" in words(page)
    KnownSender.objects.create(ae_title="CT_2")
    page = apply(client, page)
    assert "nodes, senders, scripts or the queue have changed" in words(page)
    apply(client, page)
    assert not KnownSender.objects.exists()


def test_a_draft_is_told_of_and_stays() -> None:
    apply(administrator(), plan(administrator(), SITE))
    change("anna", lambda content: content["libraries"].update({"draft.lua": "x = 1"}))
    page = plan(administrator(), {**SITE, "libs/route.lua": "route:Add('PACS')\n"})
    assert "There is a draft of the scripts, changed last by anna." in words(page)
    only_nodes = plan(administrator(), {"nodes.yml": f"{SITE['nodes.yml']}- AeTitle: THIRD\n"})
    assert "There is a draft" not in words(only_nodes)


def test_a_form_of_another_site_is_refused() -> None:
    page = plan(administrator(), SITE)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person("administrator"))
    assert strict.post(reverse("configuration_apply"), fields(page)).status_code == 403
    assert not Node.objects.exists()
