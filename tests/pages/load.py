"""What open pages cost: ``python -m tests.pages.load / 10 200`` opens a page in so many browsers while images flow."""

import base64
import html
import http.client
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from tests.pages.site import PASSWORD, ROOT, Site, running_site

SECONDS = 20
BEFORE = 20_000
"""Items that are there already."""
FILL = """
import random
from django.db import transaction
from tests.builders import node
from scripts_app.models import *
nodes = [node(f"N{i}") for i in range(10)]
now = timezone.now()
def row(i, state):
    to = nodes[i % 10]
    return QueueItem(id=i, received_id=i, state=state, source_ae_title="CT_1", called_ae_title=to.ae_title,
        destination_ae_title=to.ae_title, node=to, sop_class_uid="1.2", sop_instance_uid=f"1.2.{i}",
        study_instance_uid=f"1.{i // 100}", transfer_syntax_uid="1.2", size=524288, dataset_offset=1,
        not_before=now, created_at=now, updated_at=now, prepared_at=now, patient_name="LOAD^TEST", patient_id="L-1")
"""
WHOLE = FILL + "QueueItem.objects.bulk_create([row(i, 'Delivered') for i in range(1, BEFORE)], batch_size=1000)"
FLOW = (
    FILL.replace('node(f"N{i}")', 'Node.objects.get(ae_title=f"N{i}")')
    + """
import time
until, number, due = time.monotonic() + SECONDS, BEFORE, time.monotonic()
while time.monotonic() < until:
    ids = range(number, number + RATE // 10)
    with transaction.atomic():
        QueueItem.objects.bulk_create([row(i, "New") for i in ids])
        HistoryEntry.objects.bulk_create([HistoryEntry(item_id=i, at=timezone.now(), event="received",
            to_state="New", actor="load") for i in ids])
    with transaction.atomic():
        QueueItem.objects.filter(id__in=[i - RATE for i in ids]).update(state="Delivered")
    number, due = number + RATE // 10, due + 0.1
    time.sleep(max(0, due - time.monotonic()))
"""
)


class Browser(threading.Thread):
    """Keeps a socket, and fetches the page's fragment after each tick that comes, as htmx does."""

    def __init__(self, site: Site, page: str, until: float) -> None:
        super().__init__(daemon=True)
        self.until = until
        self.host = urlsplit(site.url).netloc
        self.times: list[float] = []
        self.cookie = self._log_in()
        # What the page itself asks for after a tick, with the rows that it shows.
        whole = self._request("GET", page, Cookie=self.cookie).read().decode()
        asked = re.search(r'hx-get="([^"]+)" hx-trigger="queue-changed', whole)
        self.page = html.unescape(asked[1]) if asked else page

    def _request(self, method: str, path: str, body: str = "", **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self.host, timeout=30)
        connection.request(method, path, body, headers)
        return connection.getresponse()

    def _log_in(self) -> str:
        token = re.search(r"csrftoken=(\w+)", self._request("GET", "/login/").headers["Set-Cookie"])[1]
        form = urlencode({"username": "operator", "password": PASSWORD, "csrfmiddlewaretoken": token})
        answer = self._request(
            "POST",
            "/login/",
            form,
            Cookie=f"csrftoken={token}",
            **{"Content-Type": "application/x-www-form-urlencoded"},
        )
        return "; ".join(part.split(";")[0] for part in answer.headers.get_all("Set-Cookie"))

    def run(self) -> None:
        host, port = self.host.split(":")
        live = socket.create_connection((host, int(port)), timeout=5)
        key = base64.b64encode(os.urandom(16)).decode()
        live.sendall(
            f"GET /ws/live/ HTTP/1.1\r\nHost: {self.host}\r\nOrigin: http://{self.host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Cookie: {self.cookie}\r\n\r\n".encode()
        )
        while time.monotonic() < self.until:
            if b"changed" not in live.recv(65536):
                continue
            began = time.monotonic()
            answer = self._request("GET", self.page, Cookie=self.cookie, **{"HX-Request": "true"})
            answer.read()
            assert answer.status in (200, 204), answer.status
            self.times.append(time.monotonic() - began)


def processor_seconds(pid: int) -> float:
    spent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK")


def measure(page: str, browsers: int, rate: int) -> str:
    with tempfile.TemporaryDirectory() as folder, running_site(Path(folder) / "data") as site:
        site.elsewhere(WHOLE.replace("BEFORE", str(BEFORE)))
        start = "import django; django.setup()\nfrom django.utils import timezone\nfrom routing.models import *\n"
        flow = start + FLOW.replace("SECONDS", str(SECONDS + 5)).replace("BEFORE", str(BEFORE)).replace(
            "RATE", str(rate)
        )
        with subprocess.Popen([sys.executable, "-c", flow], cwd=ROOT, env=site.environment) as flowing:
            until = time.monotonic() + SECONDS + 2
            opened = [Browser(site, page, until) for _ in range(browsers)]
            for browser in opened:
                browser.start()
            threading.Event().wait(2)
            began, spent = time.monotonic(), processor_seconds(site.pid)
            for browser in opened:
                browser.join()
            cores = (processor_seconds(site.pid) - spent) / (time.monotonic() - began)
            flowing.terminate()
        times = sorted(seconds for browser in opened for seconds in browser.times)
        fetched = len(times) / SECONDS
        return (
            f"{page}: {browsers} browsers, {rate} items/s: {cores:.2f} of a core; {fetched:.1f} fragments/s, "
            f"median {times[len(times) // 2] * 1000:.0f} ms, slowest {times[-1] * 1000:.0f} ms"
        )


if __name__ == "__main__":
    print(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
