"""A web process that is told to end while it works for somebody finishes that work, and ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENDS_IN_THE_MIDDLE = """
import asyncio, sys, threading, types
from capacitor_web.asgi import pages
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.urls import path

begun, ended = threading.Event(), threading.Event()

@login_not_required
def slow(request):
    begun.set()
    assert ended.wait(60)
    print("the view has finished", flush=True)
    return HttpResponse("done")

sys.modules["slow"] = types.SimpleNamespace(urlpatterns=[path("", slow)])
settings.ROOT_URLCONF, settings.ALLOWED_HOSTS = "slow", ["*"]
scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b"", "http_version": "1.1"}

async def serve():
    sent = iter([{"type": "http.request", "body": b""}])
    async def receive():
        for message in sent:
            return message
        await asyncio.Event().wait()
    async def send(message):
        pass
    global asking
    asking = asyncio.create_task(pages(scope, receive, send))
    await asyncio.to_thread(begun.wait, 60)

# As daphne's does when it is told to end: the loop stops, whatever is under way.
loop = asyncio.new_event_loop()
loop.run_until_complete(serve())
print("the loop has ended", flush=True)
ended.set()
"""


@pytest.mark.integration
def test_a_request_under_way_is_finished_and_does_not_keep_the_process_from_ending(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", ENDS_IN_THE_MIDDLE],
        cwd=ROOT,
        env={**os.environ, "CAPACITOR_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "capacitor_web.settings"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["the loop has ended", "the view has finished"]
