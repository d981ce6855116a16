"""What people, or programs, put into addresses: no page breaks, and none answers with what it was not asked for."""

import time

import pytest

from routing.forms.log_filter import LogFilter
from routing.forms.queue_filter import QueueFilter
from routing.models import QueueItem
from tests.pages import permission_table as table
from tests.pages.busy_router import busy_router
from tests.pages.people import visitor

pytestmark = pytest.mark.django_db
WORDS = [
    *("' OR 1=1 --", "%", "_%", "\\", "*", "[", "(?P<", "a" * 10_000, "'; DROP TABLE routing_queueitem; --"),
    *(
        "\x00",
        "\ud83d",
        "\u202e",
        "-1",
        "0",
        "9" * 19,
        "9" * 400,
        "1e309",
        "NaN",
        "2026-13-45T99:99",
        "0001-01-01T00:00",
    ),
    *(
        "9999-12-31T23:59",
        "9999-12-31",
        "null",
        "[]",
        "{}",
        "../../etc/passwd",
        "<img src=x>",
        "1,2,x",
        ",".join(["7"] * 5000),
    ),
]
MARKS = [
    *("before", "after", "rows", "more", "sort", "page", "to", "span", "find", "frame", "as", "called", "against"),
    *("action", "scope", "ids", "upto", "node", "back", "level", "next", "o", "p", "e", "all"),
]
NAMES = sorted({*QueueFilter.base_fields, *LogFilter.base_fields, *MARKS})


def places():
    """Every page of the router that is asked for without a number in its address."""
    for name, route in table.addresses():
        rule = table.rule(name)
        if rule and rule[0] and "<" not in route and not name.startswith("admin:") and name not in ("readyz", "logout"):
            yield f"/{route}"
    yield from ("/queue/200/", "/queue/200/elements/", "/queue/200/related/", "/nodes/1/status/")
    yield from ("/admin/routing/queueitem/", "/admin/routing/auditrecord/", "/admin/routing/node/")


@pytest.mark.fault(
    116, "SQL, wildcards, expressions, NUL, 10 KB, absurd numbers and moments in every parameter of every page"
)
def test_no_parameter_of_any_page_breaks_it(effort, seen):
    busy_router()
    items = QueueItem.objects.count()
    boss = visitor("administrator", phi=True)
    broke, slowest, asked = [], (0.0, ""), 0
    for at, place in enumerate(places()):
        # In ./check every page meets a sixth of the names, each with one word; which, differs from page to page.
        sparse = effort(1, 0)
        for step, name in list(enumerate(NAMES))[at % 6 :: 6] if sparse else enumerate(NAMES):
            chosen = [WORDS[(at + step + 7 * turn) % len(WORDS)] for turn in range(effort(1, 4))]
            for word in chosen:
                begun = time.monotonic()
                status = boss.get(place, {name: word.encode("utf-8", "replace").decode()}).status_code
                slowest = max(slowest, (time.monotonic() - begun, place))
                asked += 1
                if status >= 500:
                    broke.append(f"{place}?{name}={word[:40]!r}: {status}")
    assert broke == []
    assert QueueItem.objects.count() == items
    seen(f"{asked} of {asked} requests answered, the slowest in {slowest[0]:.2f} s ({slowest[1]})")


@pytest.mark.parametrize(("name", "day"), [("since", "0001-01-01"), ("until", "9999-12-31")])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_first_and_the_last_day_of_all_are_days_like_others(settings, name, day, zone):
    settings.TIME_ZONE = zone
    busy_router()
    viewer = visitor()
    assert viewer.get("/studies/", {name: day}).context["studies"]


@pytest.mark.parametrize("word", ["' OR 1=1 --", "%", "_", "*", ".*", "\\"])
def test_a_search_for_a_wildcard_finds_that_and_not_everything(word):
    busy_router()
    found = visitor(phi=True).get("/queue/", {"q": word}).context["page"].rows
    assert found == []


@pytest.mark.parametrize("number", ["0", "99999999999999999999", "9223372036854775808", "-1", "1.5", "²"])
def test_a_number_that_no_row_can_have_is_not_found(number):
    boss = visitor("administrator", phi=True)
    boss.raise_request_exception = False
    for place in ("/queue/{}/", "/queue/{}/file/", "/nodes/{}/status/", "/scripts/versions/{}/", "/senders/{}/"):
        assert boss.get(place.format(number)).status_code == 404, place
