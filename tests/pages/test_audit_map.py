"""Every deed that counts leaves one record: who, when, from where, what, to what, and how it ended."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from routing.audit.origin import at_command_line, reset_origin, set_origin
from routing.models import AuditRecord, Node
from scripts_app.models import LuaEntry, ScriptDraft
from tests.pages.busy_router import busy_router
from tests.pages.people import person
from tests.pages.stored_image import give_file

pytestmark = pytest.mark.django_db
ADDRESS = "192.0.2.44"
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.CAPACITOR = replace(settings.CAPACITOR, data_dir=tmp_path)


def somebody(role: str, *, phi: bool = False) -> Client:
    user = person(role, phi=phi)
    client = Client(REMOTE_ADDR=ADDRESS)
    client.force_login(user)
    return client


def records() -> list[tuple[str, str, str, str, str]]:
    """Of those made since, oldest first: who, from where, what, to what, how it ended."""
    columns = ("actor", "address", "action", "object", "outcome")
    return [tuple(row) for row in AuditRecord.objects.exclude(actor="somebody").order_by("pk").values_list(*columns)]


def of(role: str, action: str, object: str, outcome: str = "done", address: str = ADDRESS) -> tuple[str, ...]:
    return (f"the {role}" if role else "", address, action, object, outcome)


def post(role: str, place: str, data: dict[str, Any] | None = None):
    return lambda: somebody(role).post(place, data or {})


def get(role: str, place: str):
    return lambda: somebody(role, phi=True).get(place)


def edit_entry() -> None:
    entry = LuaEntry.objects.earliest("pk")
    somebody("script author").post(f"/scripts/entries/{entry.pk}/toggle/")


def activate() -> None:
    edit_entry()
    AuditRecord.objects.all().delete()
    counter = ScriptDraft.objects.get().counter
    somebody("script author").post("/scripts/draft/activate/", {"counter": counter, "reason": "test"})


def dry_run() -> None:
    author = somebody("script author")
    author.post("/scripts/sample/", {"bundled": "CT"})
    AuditRecord.objects.all().delete()
    for _ in range(2):
        author.post("/scripts/dry-run/", {"script": "x = 1", "destination": "PACS"})


def other_destination() -> None:
    node = Node.objects.get(ae_title="PACS")
    change = {"action": "change-destination", "scope": "ticked", "ids": "107", "node": node.pk, "upto": 1000}
    somebody("operator").post("/queue/act/", change)


def user_form(**fields) -> dict[str, Any]:
    now = timezone.now()
    return {
        "username": "karl",
        "is_active": "on",
        "last_login_0": f"{now:%Y-%m-%d}",
        "last_login_1": f"{now:%H:%M:%S}",
        "date_joined_0": f"{now:%Y-%m-%d}",
        "date_joined_1": f"{now:%H:%M:%S}",
        **fields,
    }


def karl() -> User:
    user, _ = User.objects.get_or_create(username="karl")
    return user


def change_user() -> None:
    pk = karl().pk
    somebody("administrator").post(f"/admin/auth/user/{pk}/change/", user_form(first_name="Karl"))


def give_role() -> None:
    pk, role = karl().pk, Group.objects.get(name="operator")
    somebody("administrator").post(f"/admin/auth/user/{pk}/change/", user_form(groups=[role.pk]))


def set_password() -> None:
    new = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    somebody("administrator").post(f"/admin/auth/user/{karl().pk}/password/", new)


def change_role() -> None:
    viewer = Group.objects.get(name="viewer")
    form = {"name": "viewer", "permissions": list(viewer.permissions.values_list("pk", flat=True))[1:]}
    somebody("administrator").post(f"/admin/auth/group/{viewer.pk}/change/", form)


def log_in(password: str, name: str = "karl") -> None:
    user = karl()
    user.set_password(PASSWORD)
    user.save()
    Client(REMOTE_ADDR=ADDRESS).post("/login/", {"username": name, "password": password})


def away(client: Client) -> None:
    session = client.session
    session["active_at"] = 0
    session.save()
    client.get("/queue/")


DEEDS = {
    "view an item": (get("viewer", "/queue/200/"), of("viewer", "viewed item", "item 200")),
    "view its elements": (get("viewer", "/queue/200/elements/"), of("viewer", "viewed item", "item 200")),
    "view its picture": (get("viewer", "/queue/200/image/"), of("viewer", "viewed item", "item 200")),
    "view a study": (
        get("viewer", "/studies/1.2.826.0.1.3680043.8.498.0/"),
        of("viewer", "viewed study", "study 1.2.826.0.1.3680043.8.498.0"),
    ),
    "download": (get("viewer", "/queue/200/file/"), of("viewer", "download", "item 200")),
    "export": (get("viewer", "/queue/export.csv"), of("viewer", "export csv", "queue")),
    "export the log": (get("viewer", "/logs/audit.csv"), of("viewer", "export csv", "audit log")),
    "dry run": (dry_run, of("script author", "dry run", "synthetic CT")),
    "edit a script": (edit_entry, of("script author", "edit scripts", "draft")),
    "activate": (activate, of("script author", "activate scripts", r"version \w+.*")),
    "retry": (post("operator", "/queue/200/send-again/"), of("operator", "send-again", "item 200")),
    "fail": (post("operator", "/queue/107/fail/"), of("operator", "fail", "item 107")),
    "delete": (
        post("operator", "/queue/act/", {"action": "delete", "scope": "ticked", "ids": "200", "upto": 1000}),
        of("operator", "delete", "item 200"),
    ),
    "change destination": (other_destination, of("operator", "change-destination", "item 107")),
    "pause a node": (
        lambda: somebody("operator").post(f"/nodes/{Node.objects.get(ae_title='PACS').pk}/pause/"),
        of("operator", "pause node", "PACS"),
    ),
    "change a user": (change_user, of("administrator", "change user", "karl")),
    "give a role": (give_role, of("administrator", "change groups of user", "karl")),
    "set a password": (set_password, of("administrator", "change user", "karl")),
    "change a role": (change_role, of("administrator", "change permissions of role", "viewer")),
    "delete a user": (
        lambda: somebody("administrator").post(f"/admin/auth/user/{karl().pk}/delete/", {"post": "yes"}),
        of("administrator", "delete user", "karl"),
    ),
    "log in": (lambda: log_in(PASSWORD), ("karl", ADDRESS, "log in", "karl", "done")),
    "log in, wrong": (lambda: log_in("wrong"), ("karl", ADDRESS, "log in", "karl", "failed")),
    "log in, no such name": (
        lambda: log_in("wrong", PASSWORD),
        ("", ADDRESS, "log in", "a name that nobody has", "failed"),
    ),
    "log out": (post("viewer", "/logout/"), of("viewer", "log out", "the viewer")),
    "left alone": (lambda: away(somebody("viewer")), of("viewer", "log out", "the viewer")),
    "refused": (post("viewer", "/queue/200/fail/"), of("viewer", "access", "/queue/200/fail/", "refused")),
    "refused in the administration": (
        get("operator", "/admin/configuration/"),
        of("operator", "access", "/admin/configuration/", "refused"),
    ),
    "posted by nobody": (
        lambda: Client(REMOTE_ADDR=ADDRESS).post("/queue/200/fail/"),
        of("", "access", "/queue/200/fail/", "refused"),
    ),
}


@pytest.mark.fault(127, "views, downloads, dry runs, scripts, queue, users, roles, log-ins, refusals")
@pytest.mark.parametrize("name", DEEDS)
def test_each_deed_leaves_one_record_that_says_all(name, seen):
    give_file(busy_router())
    AuditRecord.objects.all().delete()
    deed, expected = DEEDS[name]
    before = datetime.now(UTC)
    deed()
    made = records()
    assert len(made) == 1, made
    assert all(re.fullmatch(wanted, had) for wanted, had in zip(expected, made[0], strict=True)), made
    at = AuditRecord.objects.get().at
    assert at.utcoffset() == timedelta(0) and before <= at <= datetime.now(UTC)
    assert PASSWORD not in str(AuditRecord.objects.values().get())
    seen(f"{len(DEEDS)} of {len(DEEDS)} deeds: one record each, with who, when (UTC), from where, what, outcome")


def test_refusals_of_one_person_at_one_place_are_noted_once_a_minute():
    busy_router()
    AuditRecord.objects.all().delete()
    viewer = somebody("viewer")
    for _ in range(5):
        viewer.post("/queue/200/fail/")
    viewer.post("/queue/201/fail/")
    assert [record[3] for record in records()] == ["/queue/200/fail/", "/queue/201/fail/"]
    # Of another person it is another one.
    somebody("nobody").post("/queue/200/fail/")
    assert len(records()) == 3


def test_guessing_passwords_does_not_fill_the_disk():
    for _ in range(40):
        log_in("wrong", "nobody at all")
    assert len(records()) == 20


def test_what_is_done_at_the_command_line_says_so():
    token = set_origin(None)
    try:
        at_command_line()
        call_command("createsuperuser", "--noinput", username="karl", email="")
        (made,) = records()
    finally:
        reset_origin(token)
    assert made[0].startswith("command line") and made[1:4] == ("command line", "create user", "karl")


def test_the_log_shows_from_where_and_how_it_ended():
    busy_router()
    post("viewer", "/queue/200/fail/")()
    page = somebody("administrator").get("/logs/audit/").content.decode()
    assert ADDRESS in page and "<strong>refused</strong>" in page
    activate()
    assert somebody("administrator").get("/logs/audit/").status_code == 200
