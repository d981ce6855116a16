"""Every value of an image is a stranger's text: no page may take it for markup."""

import re
from html.parser import HTMLParser

import pytest
from django.db import connection
from django.template import Context, Template
from django.utils import timezone

from routing.models import (
    ApplicationLogLine,
    Attempt,
    AuditRecord,
    HistoryEntry,
    ItemLogLine,
    Node,
    NodeStatus,
    PrepareReport,
    QueueItem,
    Rehearsal,
)
from routing.people.sight import Sight
from scripts_app.models import Activation
from tests.pages.busy_router import busy_router
from tests.pages.people import visitor
from tests.pages.rehearsed import rehearsed

pytestmark = pytest.mark.django_db
PAGES = [
    "/",
    "/traffic/",
    "/queue/",
    "/queue/200/",
    "/queue/201/",
    "/queue/ask/?action=retry&scope=matching",
    "/failures/",
    "/studies/",
    "/studies/1.2.826.0.1.3680043.8.498.0/",
    "/nodes/",
    "/nodes/{node}/",
    "/nodes/{node}/status/",
    "/senders/",
    "/scripts/",
    "/logs/",
    "/logs/audit/",
]
WORKSHOP = [
    "/scripts/draft/",
    "/scripts/versions/",
    "/scripts/versions/{version}/",
    "/scripts/rehearsals/",
    "/scripts/rehearsals/{rehearsal}/",
    "/scripts/rehearsals/{rehearsal}/item/200/",
]
MARKUP = "<img src=x onerror=alert(1)>"
ATTRIBUTE = '" onmouseover="alert(1)" x=\''
SCRIPT = "</script><script>alert(1)</script>{{ 7|add:7 }}{% now %}"


class LookForMarkup(HTMLParser):
    """Reads a page as a browser does."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.found += [name for name in given if name.startswith("on")]
        if tag == "img" or (tag == "script" and not given.get("src", "").startswith("/static/")):
            self.found.append(tag)


def there(place):
    """The address with the numbers that the database has given."""
    models = {"node": Node, "version": Activation, "rehearsal": Rehearsal}
    asked = {name: model for name, model in models.items() if f"{{{name}}}" in place}
    found = {name: model.objects.order_by("pk")[int(model is Activation)].pk for name, model in asked.items()}
    return place.format(**found)


def alive(answer):
    """The parts of a page that would run."""
    reader = LookForMarkup()
    reader.feed(answer.content.decode())
    return reader.found


@pytest.mark.fault(114, "markup, attributes, scripts and template tags in every value")
@pytest.mark.parametrize("text", [MARKUP, ATTRIBUTE, SCRIPT], ids=["markup", "attribute", "script"])
@pytest.mark.parametrize("phi", [True, False], ids=["seen", "masked"])
def test_a_hostile_value_stays_text_on_every_page(text, phi):
    busy_router(text)
    client = visitor("administrator", phi=True) if phi else visitor("operator")
    pages = [place for place in PAGES if phi or place != "/nodes/{node}/"]
    for place in pages:
        answer = client.get(there(place))
        assert answer.status_code == 200, place
        assert alive(answer) == [], place
        if phi and place != "/nodes/{node}/":
            assert re.search("&lt;|&quot;", answer.content.decode()), place


@pytest.mark.fault(114, "the same on the pages of versions and rehearsals")
@pytest.mark.parametrize("text", [MARKUP, ATTRIBUTE, SCRIPT], ids=["markup", "attribute", "script"])
@pytest.mark.parametrize("phi", [True, False], ids=["seen", "masked"])
def test_a_hostile_value_stays_text_in_the_workshop(text, phi):
    busy_router(text)
    rehearsed(text)
    client = visitor("script author", phi=phi)
    for place in WORKSHOP:
        answer = client.get(there(place))
        assert answer.status_code == 200, place
        assert alive(answer) == [], place
    assert re.search("&lt;|&quot;", client.get(there(WORKSHOP[-1])).content.decode()) or not phi


@pytest.mark.fault(114, "the same in the search boxes")
def test_a_hostile_search_stays_text():
    busy_router()
    for place in ("/queue/", "/logs/", "/logs/audit/"):
        for text in (MARKUP, ATTRIBUTE, SCRIPT):
            assert alive(visitor(phi=True).get(place, {"q": text, "study": text, "before": text})) == []


@pytest.mark.fault(114, "NUL, ESC, bidi marks, half a surrogate pair")
def test_text_that_is_no_text_has_a_page():
    item = busy_router()
    # In PostgreSQL there is never a NUL, which whatever writes leaves out there.
    nul = "" if connection.vendor == "postgresql" else "\x00"
    strange = f"{nul}\x1b[31m\u202egnp.exe\ud800".encode("utf-8", "replace").decode()
    QueueItem.objects.filter(pk=item.pk).update(patient_name=strange, last_error=strange, sop_class_uid=strange)
    assert visitor(phi=True).get(f"/queue/{item.pk}/").status_code == 200


@pytest.mark.fault(114, "an override of the writing direction in front of patient ID, modality and accession number")
@pytest.mark.parametrize("place", ["/queue/", "/queue/{}/", "/studies/", "/studies/{}/", "/queue/ask/?action=retry"])
def test_no_value_turns_around_what_stands_behind_it(place):
    item = busy_router()
    strange = {
        name: f"4711\u202e{name[:2]}\x1b" for name in ("patient_name", "patient_id", "accession_number", "modality")
    }
    QueueItem.objects.filter(pk=item.pk).update(**strange)
    leads_to = item.study_instance_uid if "studies" in place else item.pk
    page = visitor("administrator", phi=True).get(place.format(leads_to)).content.decode()
    assert "\u202e" not in page and "\x1b" not in page
    assert "4711&lt;U+202E&gt;pa&lt;U+001B&gt;" in page


@pytest.mark.fault(
    114, "an override of the writing direction in errors of scripts and nodes, logs, and what a script prints"
)
@pytest.mark.parametrize(
    "place", ["/", "/queue/", "/queue/200/", "/failures/", "/nodes/{node}/status/", "/logs/", "/logs/audit/"]
)
def test_no_error_turns_around_what_stands_behind_it(place):
    busy_router()
    strange = "no room for \u202e4711\x1b"
    QueueItem.objects.exclude(last_error="").update(last_error=strange)
    HistoryEntry.objects.exclude(note="").update(note=strange)
    Attempt.objects.update(comment=strange, error=strange)
    ItemLogLine.objects.update(text=strange)
    error = {"number": 1, "status": "error", "description": "", "reason": strange, "file": "", "line": 2}
    PrepareReport.objects.update(message=strange, entries=[error])
    NodeStatus.objects.update(last_error=strange, last_failure_at=timezone.now(), failures_in_a_row=2)
    ApplicationLogLine.objects.update(message=strange)
    AuditRecord.objects.update(detail={"0010,0020": strange})
    page = visitor("administrator", phi=True).get(there(place)).content.decode()
    assert "\u202e" not in page and "\x1b" not in page
    assert "no room for &lt;U+202E&gt;" in page


def test_a_number_that_a_script_has_kept_is_shown_as_one():
    assert (
        Template("{% load sight_tags %}{{ kept|legible }} {{ kept|by_script:sight }}").render(
            Context({"kept": 7, "sight": Sight(full=True)})
        )
        == "7 7"
    )
