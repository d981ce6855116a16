"""Who may see and do what: on every address, and in every button."""

import importlib
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.urls import reverse

from routing.models import KnownSender, Node, QueueItem, UnknownSender
from tests.pages.busy_router import busy_router
from tests.pages.people import person, visitor

pytestmark = pytest.mark.django_db
PAGES = {
    "viewer": [
        "dashboard",
        "queue",
        "failures",
        "studies",
        "nodes",
        "senders",
        "scripts",
        "application_log",
        "audit_log",
    ],
    "operator": ["sender_create"],
    "script author": [],
    "administrator": ["node_create"],
}
LADDER = list(PAGES)
OPERATORS_BUTTONS = [
    *("queue_send_again", "queue_prepare_again", "queue_fail", "queue_reject"),
    *("node_pause", "node_resume", "node_echo", "sender_allow", "sender_delete"),
]


def address(name):
    first = {"queue": QueueItem, "node": Node, "sender": KnownSender}[name.split("_")[0]]
    row = UnknownSender.objects.first() if name == "sender_allow" else first.objects.first()
    return reverse(name, args=[row.pk])


@pytest.mark.parametrize("role", LADDER)
def test_every_role_sees_its_pages_and_no_others(role):
    client = visitor(role)
    for place, owner in enumerate(LADDER):
        expected = 200 if place <= LADDER.index(role) else 403
        for page in PAGES[owner]:
            assert client.get(reverse(page)).status_code == expected, page


def test_somebody_without_a_role_sees_no_page():
    client = visitor("nobody")
    for pages in PAGES.values():
        for page in pages:
            answer = client.get(reverse(page))
            assert answer.status_code == 403, page
    assert "does not have the right" in answer.content.decode()


@pytest.mark.parametrize("name", OPERATORS_BUTTONS)
def test_a_viewer_who_posts_is_refused_and_nothing_changes(name):
    busy_router()
    before = list(QueueItem.objects.values_list("pk", "state")), list(Node.objects.values_list("pk", "paused"))
    assert visitor("viewer").post(address(name)).status_code == 403
    assert before == (
        list(QueueItem.objects.values_list("pk", "state")),
        list(Node.objects.values_list("pk", "paused")),
    )
    assert UnknownSender.objects.exists()


@pytest.mark.parametrize("name", OPERATORS_BUTTONS)
def test_an_action_is_never_a_get(name):
    busy_router()
    assert visitor("operator").get(address(name)).status_code == 405


@pytest.mark.parametrize("where", ["/", "/queue/", "/queue/200/", "/nodes/", "/senders/"])
def test_buttons_are_there_for_an_operator_and_absent_for_a_viewer(where):
    busy_router()
    assert 'action="/queue/200/send-again/"' in visitor("operator").get("/queue/200/").content.decode()
    seen = visitor("viewer").get(where).content.decode()
    forms = seen.count('<form method="post"')
    assert forms == seen.count('action="/logout/"') == 1
    assert visitor("operator").get(where).content.decode().count('<form method="post"') > 1


def test_only_an_administrator_edits_nodes():
    busy_router()
    edit = reverse("node_edit", args=[Node.objects.first().pk])
    assert visitor("operator").get(edit).status_code == 403
    assert visitor("script author").post(edit).status_code == 403
    assert visitor("administrator").get(edit).status_code == 200


def test_administrators_are_let_into_the_administration_by_their_role_alone():
    for role in LADDER:
        client = visitor(role)
        expected = 200 if role == "administrator" else 302
        for page in ("admin:index", "admin:auth_user_changelist", "configuration"):
            assert client.get(reverse(page)).status_code == expected, page
        entry = f'<a href="{reverse("admin:index")}">Administration</a>'
        assert (entry in client.get("/").content.decode()) == (role == "administrator")


def test_the_form_of_the_administration_logs_an_administrator_in():
    user = person("administrator")
    user.set_password("synthetic password")
    user.save()
    form = {"username": user.username, "password": "synthetic password", "next": reverse("admin:index")}
    assert Client().post(reverse("admin:login"), form, follow=True).redirect_chain == [(reverse("admin:index"), 302)]


def test_each_role_holds_what_the_one_before_it_holds():
    held = [set(Group.objects.get(name=role).permissions.values_list("codename", flat=True)) for role in LADDER]
    assert held[0] < held[1] < held[2] < held[3]
    assert {"operate_queue", "operate_nodes", "change_knownsender"} <= held[1]
    assert {"edit_scripts", "change_luaentry"} <= held[2]
    assert {"change_node", "change_user", "view_phi"} <= held[3]
    assert not any("view_phi" in names for names in held[:3])
    assert all(name.startswith("view_") for name in held[0])


def test_making_the_roles_twice_changes_nothing_and_keeps_their_members():
    before = {group.name: set(group.permissions.all()) for group in Group.objects.all()}
    member = User.objects.create_user("olga")
    member.groups.add(Group.objects.get(name="viewer"))
    migration = importlib.import_module("routing.migrations.0002_roles")
    migration.make_roles(apps, SimpleNamespace(connection=connection))
    assert {group.name: set(group.permissions.all()) for group in Group.objects.all()} == before
    assert member.groups.get().name == "viewer"


def test_whoever_may_see_nothing_is_not_sent_round_in_a_circle():
    assert "To the dashboard" not in visitor("nobody").get("/").content.decode()
    assert "To the dashboard" in visitor("viewer").get("/nodes/new/").content.decode()
