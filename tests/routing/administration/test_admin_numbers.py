"""Numbers that no database can hold are numbers of nothing: the administration says so, and does not break."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from tests.builders import lua_entry, node, queue_item

pytestmark = pytest.mark.django_db
HUGE = [str(2**63), "9" * 5000, "none"]
admin.autodiscover()
TABLES = sorted(admin.site._registry, key=lambda table: table._meta.label)


def address(table, view, *arguments):
    return reverse(f"admin:{table._meta.app_label}_{table._meta.model_name}_{view}", args=arguments)


@pytest.fixture
def boss():
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table._meta.label)
def test_no_number_breaks_a_list_its_actions_or_the_page_of_a_row(boss, table):
    there, page = address(table, "changelist"), admin.site._registry[table]
    actions = page.get_actions(boss.get(there).wsgi_request)
    for number in HUGE:
        for name in ("id__exact", "id__in", "p", "q"):
            assert boss.get(there, {name: number}).status_code in (200, 302, 400), name
        for action in actions:
            chosen = {"action": action, "_selected_action": [number], "post": "yes"}
            assert boss.post(there, chosen).status_code in (200, 302, 400), action
        for view in ("change", "delete"):
            assert boss.get(address(table, view, number)).status_code in (200, 302, 400, 403, 404), view


@pytest.mark.skipif(
    connection.vendor != "sqlite", reason="PostgreSQL finds that no row has it, and Django asks nothing"
)
def test_what_is_said_of_such_a_number_is_no_error_of_the_service(boss):
    answer = boss.post(address(User, "changelist"), {"action": "delete_selected", "_selected_action": [2**63]})
    assert answer.status_code == 400
    assert "Nothing was changed" in answer.content.decode()


@pytest.mark.parametrize("number", HUGE, ids=lambda number: number[:21])
def test_no_number_breaks_a_form_with_rows(boss, number):
    entry, pacs, item = lua_entry("print(1)"), node(), queue_item()
    there = address(type(entry), "changelist")
    rows = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": number, "form-0-position": 1}
    assert boss.post(there, {**rows, "_save": "Save"}).status_code in (200, 302, 400)
    assert boss.post(there, {**rows, "form-TOTAL_FORMS": number, "_save": "Save"}).status_code in (200, 302, 400)
    for row in (entry, pacs, item, User.objects.get()):
        page = boss.get(address(type(row), "change", row.pk))
        fields = {}
        for formset in page.context_data["inline_admin_formsets"]:
            prefix = formset.formset.prefix
            fields |= {f"{prefix}-TOTAL_FORMS": 1, f"{prefix}-INITIAL_FORMS": 1, f"{prefix}-0-id": number}
            fields |= {f"{prefix}-0-{name}": number for name in formset.formset.form.base_fields if name != "id"}
        fields |= dict.fromkeys(page.context_data["adminform"].form.fields, number)
        assert boss.post(address(type(row), "change", row.pk), fields).status_code in (200, 302, 400, 403), row
