"""Every button as every role in Chromium: absent without the right, and working with it."""

import re
from urllib.parse import urlsplit

import pytest
from django.urls import resolve
from playwright.sync_api import expect

from tests.pages import permission_table as table
from tests.pages.browser import log_in
from tests.pages.deed import LADDER
from tests.pages.deeds import DEEDS
from tests.pages.site import running_site

browser_only = pytest.mark.browser
NO_BUTTON = {
    "login": "nobody is logged in there",
    **dict.fromkeys(("logout", "password_change"), "whoever is logged in may; test_account_in_the_browser.py"),
    **dict.fromkeys(("script_condition", "script_lint", "script_entry_titles"), "asked while somebody types"),
    "script_take_over": "needs two people at once",
    **dict.fromkeys(("configuration_plan", "configuration_apply"), "in the administration, which nobody else enters"),
    "queue_stop": "while a deed for very many items is under way",
    "quarantine_take": "of a file that was refused; test_quarantine_page.py",
    **dict.fromkeys(("fix_begin", "fix_end"), "of a script that went wrong; test_rehearsals_in_the_browser.py"),
    **dict.fromkeys(
        ("rehearsal_begin", "rehearsal_shadow", "rehearsal_end", "version_accept"),
        "a story of its own; test_rehearsals_in_the_browser.py",
    ),
    **dict.fromkeys(("script_output", "script_sample_picture"), "drawn beside a dry run"),
    "script_test": "the page of one test; test_dry_runs_in_the_browser.py",
    "script_entry_place": "by dragging; test_workshop_in_the_browser.py",
    **dict.fromkeys(
        ("script_sample_keep", "script_sample_use", "script_sample_delete", "script_capture", "script_capture_delete"),
        "images that are kept; test_kept_samples.py",
    ),
}
"""What is posted without a button of its own on these pages, and why no role is compared there."""
THINGS = """
from tests.builders import *
from scripts_app.models import *
from tests.pages.stored_image import spool
spool().mark()
other = node("OTHER")
for r in range(1, 5):
    active = dict(node=node(f"R{r}", id=int(f"{r}1"), host="127.0.0.1", port=9), prepared_at=timezone.now())
    node(f"P{r}", id=int(f"{r}2"), paused=True)
    node(f"S{r}", id=int(f"{r}3"), process_schedule=["01:00 - 01:01"])
    node(f"E{r}", id=int(f"{r}4"))
    node(f"D{r}", id=int(f"{r}5"))
    for number, state in enumerate(("Prepared", "Failed", "Failed", "Prepared", "Prepared"), start=1):
        queue_item(state, id=int(f"{r}{number:02}"), **active)
    for at in range(12):
        state = "Prepared" if at == 1 else "Rejected" if at == 2 else "Failed"
        queue_item(state, id=int(f"{r}{50 + at}"), study_instance_uid=f"9.{r}.{at}", **active)
    for at, study in enumerate(("9.{}.99", "8.{}", "7.{}")):
        queue_item("Failed", id=int(f"{r}{80 + at}"), study_instance_uid=study.format(r), **active)
    KnownSender.objects.create(id=int(f"{r}1"), ae_title=f"EDIT{r}")
    KnownSender.objects.create(id=int(f"{r}2"), ae_title=f"GONE{r}")
    now = timezone.now()
    UnknownSender.objects.create(id=int(f"{r}1"), ae_title=f"NEW_{r}", address="192.0.2.7", called_ae_title="R1",
        count=1, first_seen_at=now, last_seen_at=now)
    QuarantinedInstance.objects.create(id=r, received_at=now, source_ae_title="CT_1", called_ae_title="R1",
        peer_address="192.0.2.7", status=0xA900, reason="no instance")
    lua_entry("print(1)", id=r, description=f"entry {r}")
    LuaLibrary.objects.create(path=f"lib{r}.lua", source="return {}")
"""
"""For each role the things that its deeds are done to, numbered by the role."""
MEANT = ("404 (Not Found)", "403 (Forbidden)")


def posted_name(response):
    """The name of the address that was posted to; empty when nothing was posted."""
    return resolve(urlsplit(response.url).path).url_name if response.request.method == "POST" else ""


class Person:
    """Somebody who is logged in, and what their browser has posted."""

    def __init__(self, chromium, site, role):
        self.number = 1 + LADDER.index(role)
        self.site, self.posted, self.complaints = site, [], []
        self.page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("response", self._note)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: dialog.accept())
        self.page.goto(f"{site.url}/login/")
        log_in(self.page, role)
        expect(self.page.locator("#live")).to_have_text("live")

    def _note(self, response):
        if name := posted_name(response):
            self.posted.append((name, response.status))

    def _console(self, said):
        if said.type in ("error", "warning") and not any(part in said.text for part in MEANT):
            self.complaints.append(said.text)

    def go(self, deed):
        """To the page of a deed, with nothing posted and nothing complained of."""
        self.posted.clear()
        self.complaints.clear()
        self.page.goto(self.site.url + self.own(deed.place))

    def own(self, text):
        return text.replace("{r}", str(self.number))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with running_site(tmp_path_factory.mktemp("deeds") / "data") as running:
        running.elsewhere(THINGS)
        yield running


@pytest.fixture(scope="module")
def person(chromium, site):
    """One browser window for each role, for all tests."""
    known = {}

    def somebody(role):
        if role not in known:
            known[role] = Person(chromium, site, role)
        return known[role]

    yield somebody
    for one in known.values():
        one.page.context.close()


@browser_only
@pytest.mark.parametrize("role", LADDER)
@pytest.mark.parametrize("deed", DEEDS, ids=str)
def test_a_button_is_absent_without_the_right_and_works_with_it(person, deed, role):
    somebody = person(role)
    page = somebody.page
    somebody.go(deed)
    button = page.locator(somebody.own(deed.button)).first
    if LADDER.index(role) < LADDER.index(deed.role):
        expect(page.locator("footer")).to_be_visible()
        expect(button).to_have_count(0)
        return
    deed.fill(page, button)
    with page.expect_response(lambda answer: posted_name(answer) == deed.names[-1]):
        (page.locator(deed.then) if deed.then else button).click()
    expect(page.locator(deed.told_in)).to_contain_text(somebody.own(deed.told))
    assert set(deed.names) <= {name for name, _ in somebody.posted}
    assert [post for post in somebody.posted if post[1] >= 400] == []
    assert somebody.complaints == []


def addresses():
    """Every address outside of the administration, by name, with the least role that may post to it."""
    for name, route in table.addresses():
        if not route.startswith("admin/"):
            yield name, "/" + re.sub(r"<(?:\w+:)?\w+>", "1", route), table.rule(name)[1]


def test_whatever_can_be_posted_has_a_deed_or_a_reason():
    known = {name for deed in DEEDS for name in deed.names} | set(NO_BUTTON)
    assert {name for name, _, post in addresses() if post} - known == set(), "it needs a deed in tests/pages/deeds.py"
    assert known <= {name for name, _ in table.addresses()}


@pytest.mark.parametrize("deed", DEEDS, ids=str)
def test_a_deed_names_the_role_that_the_table_of_rights_names(deed):
    assert [table.rule(name)[1].replace(" ", "-") for name in deed.names] == [deed.role] * len(deed.names)


@browser_only
def test_a_viewer_who_posts_to_every_address_is_told_403_each_time(person):
    page = person("viewer").page
    page.goto(person("viewer").site.url)
    posted = {name for deed in DEEDS for name in deed.names}
    asked = [[name, address] for name, address, _ in addresses() if name not in ("login", "logout", "password_change")]
    answers = page.evaluate(
        "asked => Promise.all(asked.map(([name, address]) => fetch(address, {method: 'POST', redirect: 'manual',"
        " headers: {'X-CSRFToken': document.querySelector('[name=csrfmiddlewaretoken]').value}})"
        ".then(answer => [name, answer.status])))",
        asked,
    )
    assert [answer for answer in answers if answer[0] in posted and answer[1] != 403] == []
    assert {status for _, status in answers} == {403, 405}
    assert len(answers) > 70
