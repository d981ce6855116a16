"""Nobody makes the site lead, or write, somewhere else: not by headers, paths or parameters."""

import re

import pytest
from asgiref.sync import async_to_sync
from channels.testing import HttpCommunicator

from capacitor_web.asgi import application
from tests.pages import permission_table as table
from tests.pages.busy_router import busy_router
from tests.pages.people import HTMX, visitor

pytestmark = pytest.mark.django_db
ELSEWHERE = [
    *("https://evil.example/", "//evil.example/", "///evil.example", "/\\evil.example", "\\\\evil.example"),
    *("javascript:alert(1)", "http:evil.example", "/\t/evil.example", "\x00//evil.example", "https:/evil.example"),
]


def leads_out(answer) -> bool:
    to = answer.headers.get("Location", "") + answer.headers.get("HX-Redirect", "")
    return to != "" and ("evil" in to.partition("?")[0] or not to.startswith("/"))


@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_parameter_leads_out_of_the_site(target):
    busy_router()
    operator, author = visitor("operator"), visitor("script author")
    act = {"action": "fail", "scope": "ticked", "ids": "107", "upto": 1000, "back": target}
    answers = [
        operator.post("/senders/unknown/1/allow/", {"back": target}),
        operator.post("/queue/act/", act),
        author.post("/scripts/sample/", {"bundled": "CT", "next": target}),
        author.get("/login/", {"next": target}),
        author.get("/admin/login/", {"next": target}),
        operator.get("/queue/", {"next": target}),
    ]
    assert not any(map(leads_out, answers)), [answer.headers for answer in answers if leads_out(answer)]


@pytest.mark.parametrize("target", ["nowhere", "admin:index", "?"])
def test_a_way_back_that_is_no_address_leads_to_the_usual_page(target):
    busy_router()
    allowed = visitor("operator").post("/senders/unknown/1/allow/", {"back": target})
    assert allowed.headers["Location"] == "/senders/"
    assert visitor("script author").post("/scripts/sample/", {"bundled": "CT", "next": target}).status_code == 200


@pytest.mark.parametrize(
    "url", ["https://evil.example/x", "http://testserver//evil.example", "javascript:alert(1)", "\x00"]
)
def test_the_page_that_htmx_says_it_is_on_is_not_believed(client, url):
    answer = client.get("/queue/", headers={**HTMX, "HX-Current-URL": url.replace("\x00", "%00")}, follow=True)
    assert not leads_out(answer)
    redirect = answer.headers["HX-Redirect"]
    assert client.get(redirect).status_code == 200


def test_a_visitor_does_not_choose_where_the_site_stands(settings):
    """daphne takes the place from a header that anybody may send."""

    async def asked():
        request = HttpCommunicator(application, "GET", "/queue/", headers=[(b"host", b"localhost")])
        request.scope["root_path"] = "//evil.example"
        answer = await request.get_response(timeout=10)
        await request.wait()
        return dict(answer["headers"])[b"Location"]

    assert async_to_sync(asked)() == b"/login/?next=/queue/"


@pytest.mark.parametrize("host", ["evil.example", "localhost:80@evil.example", "localhost, evil.example", "[::1", ""])
def test_another_host_is_refused(client, host, settings):
    settings.ALLOWED_HOSTS = ["localhost"]
    answer = client.get("/login/", headers={"Host": host})
    assert answer.status_code == 400
    assert b"evil" not in answer.content and "evil" not in str(answer.headers)


@pytest.mark.parametrize("number", [2**63, 10**25, "9" * 5000], ids=["2^63", "10^25", "5000 digits"])
def test_a_number_that_no_row_can_have_is_not_there_at_any_address(number):
    busy_router()
    boss = visitor("administrator", phi=True)
    boss.raise_request_exception = False
    asked = 0
    for name, route in table.addresses():
        if "<" not in route:
            continue
        plain = re.sub(r"\^?\(\?P<(\w+)>.*\)", r"<\1>", route).replace("$", "")
        place = "/" + re.sub(r"<[^>]+>", str(number), plain)
        for answer in (boss.get(place), boss.post(place)):
            assert answer.status_code < 500, f"{name}: {answer.status_code}"
            if "<int:" in route:
                asked += 1
                assert answer.status_code == 404, f"{name}: {answer.status_code}"
    assert asked > 80


@pytest.mark.parametrize("path", ["../../../etc/passwd", "/etc/passwd.lua", "a/../../b.lua", "..\\b.lua", "a\x00.lua"])
def test_a_library_stays_in_its_folder(path):
    author = visitor("script author")
    answer = author.post("/scripts/libraries/new/", {"path": path, "source": "x = 1"})
    assert answer.status_code in (400, 404, 422), answer.status_code
    assert author.get(f"/scripts/libraries/file/{path}".replace("\x00", "%00")).status_code == 404


@pytest.mark.parametrize(
    "path", ["/static/../capacitor_web/settings.py", "/static/%2e%2e/manage.py", "/static//etc/passwd"]
)
def test_static_files_are_those_of_the_folder(client, path):
    assert client.get(path).status_code in (302, 404)


@pytest.mark.parametrize("place", ["/queue/200/", "/queue/export.csv", "/logs/audit.csv", "/queue/200/file/"])
def test_no_value_of_an_image_is_in_a_header(place):
    busy_router("a\r\nSet-Cookie: x=1")
    answer = visitor(phi=True).get(place)
    assert "x=1" not in str(answer.headers) and "x" not in answer.cookies
