"""Every address and the socket, asked by everybody with every method, against one table of what each role may do."""

import dataclasses
import re
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client

from routing.models import KnownSender, Node, NodeStatus, UnknownSender
from routing.spool.spool import Spool
from scripts_app.models import LuaEntry, LuaLibrary
from tests.pages import permission_table as table
from tests.pages.busy_router import busy_router
from tests.pages.people import person

OTHER_METHODS = ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def client_of(role: str) -> Client:
    client = Client(raise_request_exception=False)
    if role != "anonymous":
        client.force_login(person(role))
    return client


@pytest.fixture
def pages(monkeypatch, tmp_path) -> dict[str, str]:
    """Every address by name, with arguments that lead somewhere; no node is called, and test images have a spool."""
    Spool(tmp_path / "spool", "none").mark()
    monkeypatch.setattr(settings, "CAPACITOR", dataclasses.replace(settings.CAPACITOR, data_dir=tmp_path))
    item = busy_router()
    answer = SimpleNamespace(ok=False, message="not asked", accepted=None)
    monkeypatch.setattr("routing.views.node_echo.ask", lambda *_: answer)
    monkeypatch.setattr("routing.views.node_echo.keep_echo", lambda node, _: NodeStatus(node=node))
    known = {
        "item_id": item.pk,
        "node_id": Node.objects.values_list("pk", flat=True)[0],
        "key": LuaEntry.objects.values_list("pk", flat=True)[0],
        "path": LuaLibrary.objects.values_list("path", flat=True)[0],
        "study_instance_uid": item.study_instance_uid,
        "id": person("nobody").pk,
        "app_label": "routing",
        "url": "nothing/here",
    }

    def address(name: str, route: str) -> str:
        sender = (UnknownSender if name == "sender_allow" else KnownSender).objects.values_list("pk", flat=True)[0]
        own = {**known, "sender_id": sender}
        plain = re.sub(r"\^?\(\?P<(\w+)>.*\)", r"<\1>", route).replace("$", "")
        # Of what has no row, the number 1: a 404 is an answer, too, but never to somebody who may not ask.
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(own.get(found[1], 1)), plain)

    return {name: address(name, route) for name, route in table.addresses()}


def refused(answer) -> bool:
    """Told that it is not allowed, or sent to the login."""
    return answer.status_code == 403 or "/login/?next=" in answer.headers.get("Location", "")


def wrong(answer, role: str, least: str | None) -> str:
    """What is wrong with this answer, if anything is."""
    if answer.status_code >= 500 and answer.status_code != 503:
        return f"broke: {answer.status_code}"
    if least is table.NEVER:
        # A link that leads to another page does nothing itself.
        return "" if answer.status_code in (302, 405) or refused(answer) else "knows the method"
    may = least == table.EVERYBODY or (
        least != table.FORBIDDEN and table.LADDER.index(role) >= table.LADDER.index(least)
    )
    if may:
        return "refused" if refused(answer) or answer.status_code == 405 else ""
    return "" if refused(answer) else f"allowed: {answer.status_code}"


@pytest.mark.django_db
def test_the_table_names_every_address_and_no_other():
    known = {name for name, _ in table.addresses()}
    missing = sorted(name for name in known if table.rule(name) is None and not table.leads_elsewhere(name))
    assert not missing, f"say in tests/pages/permission_table.py who may do what there: {', '.join(missing)}"
    assert set(table.PAGES) <= known


@pytest.mark.django_db
@pytest.mark.fault(109, "each role, and nobody logged in, at every URL with every method")
@pytest.mark.fault(110, "each role, and nobody logged in, at every URL with every method")
@pytest.mark.parametrize("role", table.LADDER)
def test_everybody_may_what_the_table_says_and_no_more(role, pages, seen):
    client, found, cells = client_of(role), [], 0
    cookies = dict(client.cookies)
    for name, address in pages.items():
        rules = [
            *zip(("GET", "POST"), table.rule(name) or (), strict=False),
            *((m, table.NEVER) for m in OTHER_METHODS),
        ]
        for method, least in rules:
            # What an allowed request has done must not change what the next one meets; a log-out least of all.
            client.cookies.load({key: morsel.value for key, morsel in cookies.items()})
            with transaction.atomic():
                if problem := wrong(client.generic(method, address), role, least):
                    found.append(f"{method} {address} ({name}): {problem}")
                transaction.set_rollback(True)
            cells += 1
    assert found == [], "\n".join(found)
    assert cells > 900
    seen(f"{role}: {cells} of {cells} answers as in the table of rights", cells=cells)
