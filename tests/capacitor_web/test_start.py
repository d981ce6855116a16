"""What commands load when they start: a dry run has a second for everything."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib import admin
from django.core import checks

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.integration
def test_the_commands_start_without_the_admin_the_network_or_the_web_server():
    script = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "capacitor_web.settings"
import django
django.setup()
from routing.management.commands import dry_run
print(*sorted({name.split(".")[0] for name in sys.modules} & {"pynetdicom", "daphne", "channels", "twisted"}))
print(*(name for name in sys.modules if name.startswith("routing.administration")))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["channels"]


@pytest.mark.parametrize("label", ["routing", "scripts_app"])
def test_the_admin_that_is_found_by_its_url_has_no_faults(label):
    from django.urls import reverse

    reverse("admin:index")
    assert [model for model in admin.site._registry if model._meta.app_label == label]
    assert admin.site.check(None) == []
    assert checks.run_checks(tags=[checks.Tags.admin]) == []


@pytest.mark.integration
def test_the_web_process_leaves_no_database_connection_open_and_the_engine_keeps_its_own():
    script = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "capacitor_web.settings"
import django
django.setup()
from django.db import connections
before = connections["default"].settings_dict["CONN_MAX_AGE"]
import capacitor_web.asgi
print(before, connections["default"].settings_dict["CONN_MAX_AGE"])
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    before, after = done.stdout.split()
    assert before != "0"
    assert after == "0"
