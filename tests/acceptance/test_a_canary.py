"""One patient through everything that can go wrong: she stands in no log, address, error page or leftover."""

from __future__ import annotations

import http.cookiejar
import io
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from tests.acceptance.router import Router, accepts, storage_node, until
from tests.images import image, write
from tests.ports import free_port

pytestmark = pytest.mark.integration
NAME, NUMBER, BIRTH, REMARK = "ZZCANARY^PHI", "ZZCANARY-77", "ZZCANARY-1970", "ZZCANARY was here"
WORD = b"ZZCANARY"
ADDRESS = re.compile(rb"""(?:href|src|action|hx-(?:get|post|push-url))=["']?[^"'>]*ZZCANARY[^"'>]*""")

SCRIPTS = """
- Description: Quotes the patient wherever it may
  OnError: skip
  Script: |
    print('seen ' .. dataset:Get('PatientName'))
    if dataset:Get('SeriesNumber') == 2 then error('no such patient: ' .. dataset:Get('PatientName')) end
    if dataset:Get('SeriesNumber') == 3 then error('retry: ' .. dataset:Get('PatientID')) end
    if dataset:Get('SeriesNumber') == 4 then error('fail: ' .. dataset:Get('PatientID')) end
    if dataset:Get('SeriesNumber') == 5 then dataset:Set('PatientBirthDate', dataset:Get('PatientName')) end
    if dataset:Get('SeriesNumber') == 6 then route:Add(dataset:Get('PatientID')) end
    if dataset:Get('SeriesNumber') == 7 then dataset:Set('Rows', dataset:Get('PatientName')) end
    if dataset:Get('SeriesNumber') == 8 then while true do end end
"""


def canary(number: int, **elements: object) -> Dataset:
    with pydicom.config.disable_value_validation():
        return image(
            "CT", number, SeriesNumber=number, PatientName=NAME, PatientID=NUMBER, PatientComments=REMARK, **elements
        )


class Person:
    """A browser without pictures."""

    def __init__(self, router: Router, name: str, password: str) -> None:
        self._site = f"http://127.0.0.1:{router.web_port}"
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))
        self.get("/login/")
        self.post("/login/", username=name, password=password)

    def get(self, place: str) -> tuple[int, bytes]:
        return self._answer(self._site + place, None)

    def post(self, place: str, **fields: str) -> tuple[int, bytes]:
        token = next((cookie.value for cookie in self._jar if cookie.name == "csrftoken"), "") or ""
        body = urllib.parse.urlencode({**fields, "csrfmiddlewaretoken": token}).encode()
        return self._answer(self._site + place, body)

    def _answer(self, url: str, body: bytes | None) -> tuple[int, bytes]:
        try:
            with self._opener.open(url, body, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


def broken(folder: Path) -> list[Path]:
    """Files that no listener or worker can make sense of, each with the patient in it."""
    whole = io.BytesIO()
    write(canary(20), whole)
    content = whole.getvalue()
    at = content.index(NUMBER.encode())
    made = {
        "cut.dcm": content[: len(content) - 700],
        "length.dcm": content[: at - 2] + b"\xff\xff" + content[at:],
        "charset.dcm": content.replace(b"ISO_IR 192", b"ISO_IR 6ZZ"),
    }
    for name, text in made.items():
        (folder / name).write_bytes(text)
    return [folder / name for name in made]


@pytest.mark.fault(126, "good, odd and broken images, scripts that quote her, dead nodes, pages, errors, log-ins")
def test_the_patient_stands_in_no_log_error_page_or_leftover_file(make_router, make_sink, tmp_path, seen):
    sink, temporary = make_sink("PACS").start(), tmp_path / "temporary"
    temporary.mkdir()
    router = make_router(TMPDIR=str(temporary), CAPACITOR_LUA_SECONDS="1", CAPACITOR_PREPARE_RETRY_SECONDS="1")
    nodes = storage_node("PACS", sink.port) + storage_node("DEAD", free_port())
    router.configure(nodes=nodes, lua=SCRIPTS)
    router.start()
    files = []
    for number in range(1, 10):
        odd = {"PatientBirthDate": BIRTH, "PatientSex": NAME, "Rows": 16} if number == 9 else {}
        write(canary(number, **odd), tmp_path / f"image{number}.dcm")
        files.append(tmp_path / f"image{number}.dcm")
    router.send(files, "PACS")
    router.send(files[:2], "DEAD")
    router.send(files[:1], "NOBODY", check=False)
    for path in broken(tmp_path):
        router.send([path], "PACS", check=False)
    kept = "SELECT count(*) FROM routing_queueitem WHERE state NOT IN ('New')"
    until(lambda: router.rows(kept)[0][0] >= 9, 60, "all but the one that is retried are prepared")
    tried = "SELECT count(*) FROM routing_attempt WHERE answer = 'deferred'"
    until(lambda: router.rows(tried)[0][0] >= 1, 60, "the dead node was tried")
    until(lambda: accepts(router.web_port), 30, "the site answers")

    pages, addresses, typed = [], [], []
    for name, password in (("admin", "correct-horse-battery"), (NAME, NUMBER)):
        person = Person(router, name, password)
        items = [row[0] for row in router.rows("SELECT id FROM routing_queueitem")]
        for item in items:
            for part in ("", "elements/", "preview/", "file/", "image/?frame=x", "file/?as=sent"):
                addresses += ADDRESS.findall(person.get(f"/queue/{item}/{part}")[1])
        for place in ("/", "/queue/", "/studies/", "/logs/", "/logs/audit/", "/failures/", "/quarantine/"):
            addresses += ADDRESS.findall(person.get(place)[1])
        # What somebody has typed stands in the address, of course: a filter can be passed on.
        for place in (f"/queue/?q={NUMBER}", f"/studies/{NUMBER}/"):
            typed += ADDRESS.findall(person.get(place)[1])
        # Nobody's own page: not found, refused, without a token, a broken filter.
        for place in ("/nothing/", "/queue/99999999999999999999/", "/queue/?since=ZZ", "/admin/routing/queueitem/1/x/"):
            pages.append(person.get(place))
        pages.append(person.post("/queue/1/fail/"))
    assert typed, "the pattern finds nothing where it has to"
    # More wrong passwords than are forgiven.
    for _ in range(6):
        Person(router, NAME, NUMBER)
    router.stop()

    hits = {}
    for path in [*router.data.joinpath("logs").rglob("*"), router.log, *temporary.rglob("*")]:
        if path.is_file() and WORD in path.read_bytes():
            hits[path.name] = re.findall(rb".*ZZCANARY.*", path.read_bytes())[:3]
    lines = router.rows("SELECT process, message FROM routing_applicationlogline WHERE message LIKE '%ZZCANARY%'")
    told = [body for status, body in pages if status >= 400 and WORD in body]
    # Nothing is left over but what belongs to items.
    held = {str(row[0]) for row in router.rows("SELECT received_id FROM routing_queueitem")}
    left = [
        path.name
        for path in router.data.rglob("*")
        if path.is_file()
        and WORD in path.read_bytes()
        and "capacitor.sqlite3" not in path.name
        and path.stem.split("-")[0] not in held
        and "quarantine" not in str(path)
    ]
    count = len(list(router.data.joinpath("logs").rglob("*")))
    found = len(hits) + len(lines) + len(told) + len(left) + len(addresses)
    seen(
        f"{found} hits in {count} logs, standard error, {len(pages)} error pages, temporary files, leftovers and the"
        " addresses that pages lead to",
        places=count + len(pages),
        hits=found,
    )
    assert not found, f"{hits} {lines} {told} {left} {addresses}"
