"""What the router is made of is pinned by hash, written down in one form, and asked for advisories."""

import http.server
import io
import json
import re
import threading

import pytest
from django.core.management import CommandError, call_command

from capacitor_web import supply
from capacitor_web.supply import Component, NotReachable, Unpinned, advisories, bill_of_materials, components, pinned

DIGEST = "a" * 64


def test_every_package_of_the_lock_has_an_exact_version_and_hashes():
    found = [component for component in components() if component.place == "pypi"]
    assert len(found) > 30
    assert {"django", "pydicom", "pynetdicom", "lupa", "daphne"} <= {component.name for component in found}
    assert all(component.digests for component in found)


@pytest.mark.parametrize("line", ["django>=5.2", "django==5.2.1", "-e .", "https://example.org/x.whl"])
def test_a_line_that_would_let_something_else_in_is_named(line):
    with pytest.raises(Unpinned, match=re.escape(line)):
        list(pinned(f"asgiref==3.1 \\\n    --hash=sha256:{DIGEST}\n{line}\n"))


def test_extras_and_markers_do_not_hide_a_package():
    pins = ("psycopg[binary]==3.2.1 ; python_version < '4'", "A_b==1")
    lock = "\n".join(f"{pin} \\\n    --hash=sha256:{DIGEST}" for pin in pins)
    assert [component.purl for component in pinned(lock)] == ["pkg:pypi/psycopg@3.2.1", "pkg:pypi/a-b@1"]


def test_the_bill_names_all_with_hashes_and_is_the_same_every_time(tmp_path):
    out = io.StringIO()
    call_command("sbom", stdout=out)
    call_command("sbom", str(tmp_path / "bom.json"))
    assert (tmp_path / "bom.json").read_text() == out.getvalue()
    with pytest.raises(CommandError, match=r"nowhere/bom\.json cannot be written: No such file"):
        call_command("sbom", str(tmp_path / "nowhere/bom.json"))
    bill = json.loads(out.getvalue())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert len({entry["bom-ref"] for entry in bill["components"]}) == len(bill["components"])
    django = next(entry for entry in bill["components"] if entry["name"] == "django")
    assert re.fullmatch(r"pkg:pypi/django@[\d.]+", django["purl"])
    assert all(len(file["content"]) == 64 for file in django["externalReferences"][0]["hashes"])
    assert any(entry["purl"].startswith("pkg:npm/%40codemirror/") for entry in bill["components"])
    assert bill == bill_of_materials(components(), bill["metadata"]["component"]["version"])


class Service(http.server.BaseHTTPRequestHandler):
    answer: bytes = b""

    def do_POST(self):
        queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        self.send_response(200)
        self.end_headers()
        bad = [
            {"vulns": [{"id": "PYSEC-2"}, {"id": "GHSA-1"}]} if q["package"]["name"] == "bad" else {} for q in queries
        ]
        self.wfile.write(self.answer or json.dumps({"results": bad}).encode())

    def log_message(self, *_):
        """Silent."""


@pytest.fixture
def service(monkeypatch):
    with http.server.HTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


FOUND = [Component("pypi", "good", "1"), Component("pypi", "bad", "2")]


def test_known_advisories_are_told_by_package(service):
    assert advisories(FOUND, service) == {"pkg:pypi/bad@2": ["GHSA-1", "PYSEC-2"]}


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"{}"])
def test_an_answer_that_is_none_counts_as_none(service, monkeypatch, answer):
    monkeypatch.setattr(Service, "answer", answer)
    with pytest.raises(NotReachable):
        advisories(FOUND, service)


def told(monkeypatch, url, *options):
    monkeypatch.setattr(supply, "LOCK", None)
    monkeypatch.setattr("capacitor_web.management.commands.advisories.components", lambda: FOUND)
    command = "capacitor_web.management.commands.advisories"
    monkeypatch.setattr(f"{command}.advisories", lambda found: advisories(found, url))
    out = io.StringIO()
    try:
        call_command("advisories", *options, stdout=out)
    except SystemExit as end:
        return end.code, out.getvalue()
    return 0, out.getvalue()


def test_the_command_fails_for_what_is_known_and_not_for_what_could_not_be_asked(service, monkeypatch):
    assert told(monkeypatch, service) == (
        1,
        "pkg:pypi/bad@2: GHSA-1, PYSEC-2\n2 components asked for, 1 with known advisories.\n",
    )
    assert told(monkeypatch, service, "--only-tell")[0] == 0
    code, text = told(monkeypatch, "http://127.0.0.1:1/")
    assert code == 0 and text.startswith("NOT CHECKED: ")
