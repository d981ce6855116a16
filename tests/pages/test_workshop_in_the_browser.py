"""The script workshop as an author meets it: in Chromium, with the real server and real dry runs."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import expect, sync_playwright

from scripts_app.core.dataset.file_meta import read_file_meta
from tests.images import image, write
from tests.pages.site import PASSWORD, running_site

pytestmark = pytest.mark.browser
CHROMIUM = "/usr/bin/chromium"
# A busy machine needs longer than the usual five seconds.
expect.set_options(timeout=20_000)
SIZES = {"wide": (1280, 800), "phone": (390, 844)}
NODES = "from tests.builders import *\nfor title in ('PACS', 'AI', 'ARCHIVE'): node(title)\n"
THREE = """route:Add('AI', function(ds) ds:Set('PatientName', 'ANONYMOUS') ds:Remove('PatientBirthDate') end)
route:Add('ARCHIVE')
print('seen', dataset:Get('Modality'))
study.images = 1"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with running_site(tmp_path_factory.mktemp("site") / "data") as running:
        running.elsewhere(NODES + "lua_entry(\"log:info('always')\", description='always')")
        yield running


@pytest.fixture(scope="module")
def ct(tmp_path_factory):
    return write(image("CT"), tmp_path_factory.mktemp("images") / "ct.dcm")


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def visit(site, chromium):
    """Open a page as somebody; whatever the browser complains about fails the test."""
    contexts, complaints = [], []

    def open_page(role, address, *, size="wide", scheme="light", script=True):
        width, height = SIZES[size]
        viewport = {"width": width, "height": height}
        context = chromium.new_context(viewport=viewport, color_scheme=scheme, java_script_enabled=script)
        contexts.append(context)
        opened = context.new_page()
        opened.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.goto(f"{site.url}/login/?next={quote(address)}")
        opened.get_by_label("Username").fill(role)
        opened.get_by_label("Password").fill(PASSWORD)
        opened.get_by_role("button", name="Log in").click()
        expect(opened).to_have_url(site.url + address)
        # What is pressed before the scripts run is answered as without JavaScript.
        opened.wait_for_load_state()
        return opened

    yield open_page
    for context in contexts:
        context.close()
    # A refusal (422) is what some tests ask for; a dry run that a newer one replaces is given up (htmx tells both).
    expected = ("status of 422", "htmx:afterRequest", "htmx:sendAbort")
    assert [said for said in complaints if not any(words in said for words in expected)] == []


def write_script(opened, text):
    opened.locator(".cm-content").click()
    opened.keyboard.press("Control+a")
    opened.keyboard.press("Delete")
    opened.keyboard.insert_text(text)


def dataset_of(path):
    content = Path(path).read_bytes()
    return content[read_file_meta(content).dataset_offset :]


def take(opened, file):
    opened.get_by_label("DICOM file").set_input_files(file)
    opened.get_by_role("button", name="Use this image").click()
    expect(opened.locator("#sample")).to_contain_text("Image: ct.dcm")


def test_from_a_new_entry_over_a_dry_run_to_activation_and_back(site, visit, ct):
    opened = visit("script-author", "/scripts/")
    opened.get_by_role("link", name="New entry").click()
    opened.get_by_label("Description").fill("CT to three places")
    opened.get_by_label("Tag").first.fill("Modalty")
    opened.get_by_label("Pattern").first.fill("C*")
    expect(opened.locator(".condition-row .words").first).to_contain_text("did you mean Modality?")
    opened.get_by_label("Tag").first.fill("Modality")
    expect(opened.locator(".condition-row .words").first).to_contain_text("read as wildcard")

    write_script(opened, "route:Add('ARCHIV')\nif x the")
    expect(opened.locator(".cm-lint-marker-error")).to_be_visible()
    write_script(opened, "route:Add('ARCHIV')")
    expect(opened.locator(".cm-lint-marker-warning")).to_be_visible()
    opened.locator(".cm-lint-marker-warning").hover()
    expect(opened.locator(".cm-tooltip")).to_contain_text("did you mean ARCHIVE?")

    take(opened, ct)
    opened.get_by_label("For", exact=True).select_option("PACS")
    write_script(opened, THREE)
    opened.keyboard.press("Control+Enter")
    result = opened.locator("#result")
    expect(result).to_contain_text("Prepared", timeout=30000)
    expect(result.locator(".output")).to_have_count(3)
    copy = result.locator(".output", has_text="AI").first
    expect(copy).to_contain_text("SYNTHETIC^Zoë")
    expect(copy).to_contain_text("ANONYMOUS")
    expect(copy).to_contain_text("removed")
    expect(result).to_contain_text("seen CT")
    expect(result).to_contain_text("study.images")
    expect(result.locator(".here")).to_contain_text("CT to three places")

    opened.get_by_role("button", name="Save in the draft").click()
    expect(opened.locator("#messages")).to_contain_text("nothing runs differently until it is activated")
    opened.get_by_role("link", name="Review and activate").click()
    expect(opened.locator(".lines")).to_contain_text("route:Add('ARCHIVE')")
    opened.get_by_role("button", name="Activate").click()
    expect(opened.locator("main")).to_contain_text("Say why")
    opened.get_by_label("Why").fill("the AI pilot")
    opened.get_by_role("button", name="Activate").click()
    expect(opened.locator("tbody tr").first).to_contain_text("the AI pilot")
    expect(opened.locator("tbody tr")).to_have_count(2)

    opened.locator("tbody tr").last.get_by_role("link", name="Compare").click()
    opened.get_by_label("Why").fill("the pilot is over")
    opened.get_by_role("button", name="Make this active again").click()
    expect(opened.locator("tbody tr").first).to_contain_text("the pilot is over")
    site.elsewhere(
        "from scripts_app.loader import active\nassert [e.description for e in active().entries] == ['always']"
    )


def test_a_dry_run_kept_as_a_test_blocks_the_activation_that_breaks_it(site, visit, ct):
    opened = visit("administrator", "/scripts/entries/1/")
    take(opened, ct)
    opened.get_by_label("For", exact=True).select_option("PACS")
    write_script(opened, "route:Add('AI', function(ds) ds:Set('PatientName', uid()) end)")
    opened.locator("#try").click()
    opened.locator("#test-name").fill("AI gets no names")
    opened.get_by_role("button", name="Keep this result").click()
    expect(opened.locator("#kept")).to_contain_text("Kept as “AI gets no names”", timeout=30000)
    write_script(opened, "route:Add('AI')")
    opened.get_by_role("button", name="Save in the draft").click()
    opened.get_by_role("link", name="Review and activate").click()
    opened.get_by_label("Why").fill("simpler")
    opened.get_by_role("button", name="Activate").click()
    expect(opened.locator("main")).to_contain_text("PatientName stays as received, expected a new value")
    opened.get_by_label("Activate although tests fail").check()
    opened.get_by_role("button", name="Activate").click()
    expect(opened.locator("tbody tr").first).to_contain_text("despite failing tests: AI gets no names")
    opened.goto(f"{site.url}/scripts/tests/")
    opened.get_by_role("button", name="Remove AI gets no names").click()
    expect(opened.locator("main")).to_contain_text("No test yet")


def test_a_dry_run_that_comes_while_a_test_is_named_leaves_the_name_alone(visit, ct):
    opened = visit("script-author", "/scripts/entries/new/")
    expect(opened.locator("#test-name")).to_be_hidden()
    take(opened, ct)
    write_script(opened, "print('first')")
    expect(opened.locator("#result")).to_contain_text("first")
    opened.locator("#test-name").fill("half a na")
    write_script(opened, "print('second')")
    expect(opened.locator("#result")).to_contain_text("second")
    expect(opened.locator("#test-name")).to_have_value("half a na")


def test_what_is_said_of_a_kept_test_stays_until_something_is_changed(site, visit, ct):
    opened = visit("administrator", "/scripts/entries/new/")
    held, printed = [], opened.locator("#result .log .text")
    take(opened, ct)
    write_script(opened, "print(dataset:Get('Modality'), uid())")
    expect(printed).to_contain_text("CT")
    before = printed.inner_text()
    opened.route("**/scripts/dry-run/", lambda request: held.append(request))
    opened.locator("#try").click()
    opened.locator("#test-name").fill("kept meanwhile")
    opened.get_by_role("button", name="Keep this result").click()
    expect(opened.locator("#kept")).to_contain_text("Kept as “kept meanwhile”")
    assert len(held) == 1
    held.pop().continue_()
    expect(printed).not_to_have_text(before)
    expect(opened.locator("#kept")).to_contain_text("Kept as “kept meanwhile”")
    opened.get_by_role("button", name="Remove").first.click()
    expect(opened.locator("#kept")).to_be_empty()
    opened.get_by_role("button", name="Keep this result").click()
    expect(opened.locator("#kept")).to_contain_text("Kept as")
    opened.get_by_text("Choose an image").click()
    take(opened, ct)
    expect(opened.locator("#kept")).to_be_empty()
    site.elsewhere("from scripts_app.models import ScriptTest\nScriptTest.objects.all().delete()")


def test_a_dry_run_given_up_for_an_older_one_that_came_late_is_asked_for_again(visit, ct):
    opened = visit("script-author", "/scripts/entries/new/")
    given_up = []

    def late(route):
        if given_up:
            route.continue_()
        else:
            given_up.append(route.request.post_data)
            route.fulfill(status=204)

    opened.route("**/scripts/dry-run/", late)
    take(opened, ct)
    write_script(opened, "print('at last')")
    expect(opened.locator("#result")).to_contain_text("at last")
    assert len(given_up) == 1


def test_the_dry_run_follows_what_is_typed_and_set_for_it(visit, ct):
    opened = visit("script-author", "/scripts/entries/new/")
    take(opened, ct)
    result = opened.locator("#result")
    write_script(opened, "print('first')\nlocal n = (study.n or 0) + 1\nstudy.n = n")
    expect(result).to_contain_text("first")
    expect(result.locator("tr", has_text="study.n")).to_contain_text("nil")
    opened.get_by_text("Set state, queue and nodes").click()
    opened.get_by_label("study before").fill('{"n": 41}')
    expect(result.locator("tr", has_text="study.n")).to_contain_text("42")
    opened.get_by_label("study before").fill("{")
    expect(result).to_contain_text("study before: line 1")
    opened.get_by_label("study before").fill("")

    write_script(opened, "while true do end")
    expect(result).to_have_class("htmx-request")
    write_script(opened, "print('second')\n\nerror('broken')")
    # The endless one would have ten seconds, and would have kept its place until then.
    expect(result).to_contain_text("second", timeout=9000)
    result.get_by_role("button", name="line 3").click()
    opened.keyboard.type("-- ")
    expect(result.locator(".entry-error")).to_have_count(0)

    result.get_by_role("button", name="Look at it").first.click()
    expect(result.locator("img")).to_have_attribute("alt", "Frame 1 of 1 of the image for AI")
    with opened.expect_download() as download:
        result.get_by_role("button", name="Download the file for AI").first.click()
    assert download.value.suggested_filename == "1-AI.dcm"
    assert dataset_of(download.value.path()) == dataset_of(ct)


def test_entries_are_put_in_order_with_keys_and_by_dragging(site, visit):
    site.elsewhere(
        "from tests.builders import lua_entry\nlua_entry('a()', description='second', ae_titles=['AI'])\n"
        "lua_entry('b()', description='third')"
    )
    opened = visit("script-author", "/scripts/")
    titles = opened.locator(".entries h2")
    opened.locator(".grip").first.focus()
    opened.keyboard.press("End")
    expect(titles).to_have_text(["second", "third", re.compile("always")])
    expect(opened.locator(".grip").last).to_be_focused()
    opened.keyboard.press("ArrowUp")
    expect(titles).to_have_text(["second", re.compile("always"), "third"])
    expect(opened.locator("#scripts [role=status]").last).to_have_text("always: 2 of 3")
    opened.locator(".grip").last.drag_to(opened.locator(".entries > li").first)
    expect(titles).to_have_text(["third", "second", re.compile("always")])
    opened.get_by_label("Which entries meet an image whose sender calls").select_option("DCP_PACS")
    expect(opened).to_have_url(f"{site.url}/scripts/?called=DCP_PACS")
    expect(opened.locator(".entries > li", has_text="second")).to_contain_text("Not for PACS")
    site.elsewhere(
        "from scripts_app.models import ScriptDraft\nScriptDraft.objects.all().delete()\n"
        "LuaEntry.objects.exclude(description='always').delete()"
    )


def test_an_example_of_the_reference_is_inserted_where_the_cursor_stands(visit):
    opened = visit("script-author", "/scripts/entries/new/")
    write_script(opened, "-- here\n")
    opened.get_by_text("What a script has").click()
    opened.get_by_role("button", name="Insert the example of route:Drop()").click()
    expect(opened.locator(".cm-content")).to_contain_text("route:Drop()")


def test_nothing_is_left_of_a_dry_run(site, visit, ct):
    opened = visit("script-author", "/scripts/entries/new/")
    take(opened, ct)
    write_script(opened, THREE)
    opened.get_by_role("button", name="Try").click()
    expect(opened.locator("#result")).to_contain_text("Prepared", timeout=30000)
    site.elsewhere(
        "from scripts_app.models import *\n"
        "assert not any(table.objects.exists() for table in (QueueItem, ScopedState, ScriptDraft))"
    )


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("local t = {} while true do t[#t + 1] = ('x'):rep(1000000) end", "exceeded its limit"),
        ("os.execute('touch /nothing')", "os.execute"),
        ("error('fail: no')", "fail: no"),
        ("print(1", "expected"),
    ],
    ids=["greedy", "harmful", "failing", "no Lua"],
)
def test_a_hostile_script_is_a_result_and_the_site_goes_on(visit, ct, script, told):
    opened = visit("script-author", "/scripts/entries/new/")
    take(opened, ct)
    write_script(opened, script)
    opened.get_by_role("button", name="Try").click()
    expect(opened.locator("#result")).to_contain_text(told, timeout=60000)
    opened.reload()
    expect(opened.locator("h2").first).to_be_visible()


def test_what_is_no_image_is_refused_and_an_author_may_not_take_the_queues(visit, tmp_path):
    opened = visit("script-author", "/scripts/entries/new/")
    (tmp_path / "notes.txt").write_text("hello " * 100, encoding="utf-8")
    opened.get_by_label("DICOM file").set_input_files(tmp_path / "notes.txt")
    opened.get_by_role("button", name="Use this image").click()
    expect(opened.locator("#sample")).to_contain_text("not a DICOM file")
    expect(opened.get_by_label("or the image of queue item")).to_have_count(0)
    opened.get_by_role("button", name="Try").click()
    expect(opened.locator("#result")).to_contain_text("choose an image first")


def test_completion_offers_members_keywords_nodes_states_and_what_included_files_define(site, visit):
    site.elsewhere(
        "from scripts_app.models import LuaLibrary\nLuaLibrary.objects.create(path='libs/phi.lua', "
        "source='-- Removes names.\\nfunction strip_phi(ds)\\n  ds:Remove(1)\\nend\\n')"
    )
    opened = visit("script-author", "/scripts/entries/new/")
    for typed, offered in (
        ("dataset:G", "Get"),
        ("dataset:Get('PatientNa", "PatientName"),
        ("route:Add('ARC", "ARCHIVE"),
        ("if node:echo('ARC", "ARCHIVE"),
        ("queue:count('Fai", "Failed"),
        ("include('li", "libs/phi.lua"),
        ("include('libs/phi.lua')\nstrip", "strip_phi(ds)"),
    ):
        write_script(opened, typed[:-1])
        opened.keyboard.type(typed[-1])
        expect(opened.locator(".cm-tooltip-autocomplete")).to_contain_text(offered)
        opened.keyboard.press("Escape")
    site.elsewhere("from scripts_app.models import LuaLibrary\nLuaLibrary.objects.all().delete()")


def test_blocks_are_folded_and_an_error_while_running_is_marked_at_its_line(visit, ct):
    opened = visit("script-author", "/scripts/entries/new/")
    write_script(opened, "if true then\n  print('inner')\nend\nerror('broken here')")
    opened.locator(".cm-foldGutter .cm-gutterElement", has_text="⌄").first.click()
    expect(opened.locator(".cm-content")).not_to_contain_text("inner")
    opened.locator(".cm-foldPlaceholder").click()
    expect(opened.locator(".cm-content")).to_contain_text("inner")
    expect(opened.locator(".cm-lint-marker-error")).to_have_count(0)
    take(opened, ct)
    opened.locator("#try").click()
    expect(opened.locator(".cm-lint-marker-error")).to_have_count(1)
    opened.locator(".cm-lint-marker-error").hover()
    expect(opened.locator(".cm-tooltip")).to_contain_text("broken here")
    write_script(opened, "print('mended')")
    expect(opened.locator(".cm-lint-marker-error")).to_have_count(0)


def test_a_rule_is_written_tried_and_saved_by_keyboard_alone(visit):
    opened = visit("script-author", "/scripts/")
    keyboard = opened.keyboard

    def tab_to(selector, *, backwards=False):
        """Go on until the focus is there; a trap is found by never coming to it."""
        for _ in range(150):
            if opened.evaluate("wanted => document.activeElement?.matches(wanted)", selector):
                return
            keyboard.press("Shift+Tab" if backwards else "Tab")
        raise AssertionError(f"{selector} is not reached")

    tab_to("a[href='/scripts/entries/new/']")
    keyboard.press("Enter")
    expect(opened.locator(".cm-content")).to_be_visible()
    tab_to("#description")
    keyboard.type("by keyboard")
    tab_to("[name=c_tag]")
    keyboard.type("Modality")
    tab_to("[name=c_match_expression]")
    keyboard.type("MR")
    tab_to(".cm-content")
    described = opened.locator(f"#{opened.locator('.cm-content').get_attribute('aria-describedby')}")
    expect(described).to_contain_text("Esc and then Tab leaves the editor")
    keyboard.press("Control+a")
    keyboard.press("Delete")
    keyboard.insert_text("print('typed', dataset:Get('Modality'))")
    # Tab indents here; Escape first, and it leads on.
    keyboard.press("Escape")
    keyboard.press("Tab")
    expect(opened.locator(".cm-content")).not_to_be_focused()
    tab_to("#sample-bundled")
    keyboard.type("MR")
    keyboard.press("Enter")
    tab_to("#sample form button:not([type=button])")
    keyboard.press("Enter")
    expect(opened.locator("#sample")).to_contain_text("synthetic MR")
    tab_to("#trial-source")
    keyboard.press("Control+Enter")
    expect(opened.locator("#result")).to_contain_text("typed MR")
    tab_to("#script-form .actions button", backwards=True)
    keyboard.press("Enter")
    expect(opened.locator("#messages")).to_contain_text("“by keyboard” is saved")


def test_without_javascript_an_entry_is_tried_and_saved_all_the_same(visit):
    opened = visit("script-author", "/scripts/entries/new/", script=False)
    opened.get_by_role("button", name="Use this image").click()
    expect(opened.locator("#messages")).to_contain_text("Not taken: choose a file, an item or a synthetic image.")
    opened.get_by_label("or a synthetic image").select_option("MR")
    opened.get_by_role("button", name="Use this image").click()
    opened.get_by_label("Lua").fill("print('plain', dataset:Get('Modality'))")
    opened.get_by_label("Description").fill("plain")
    opened.get_by_role("button", name="Try").click()
    expect(opened.locator("main")).to_contain_text("plain MR")
    opened.go_back()
    opened.get_by_label("Description").fill("plain")
    opened.get_by_role("button", name="Save in the draft").click()
    expect(opened.locator("#messages")).to_contain_text("“plain” is saved")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_every_script_page_is_readable_and_fits(site, visit, size, scheme):
    opened = visit("script-author", "/scripts/", size=size, scheme=scheme)
    for address in (
        "/scripts/",
        "/scripts/entries/1/",
        "/scripts/libraries/new/",
        "/scripts/draft/",
        "/scripts/versions/",
        "/scripts/tests/",
    ):
        opened.goto(site.url + address)
        assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{address} scrolls sideways"
        assert opened.evaluate(Path(__file__).with_name("contrast.js").read_text()) == [], address
        clipped = opened.evaluate(
            "[...document.querySelectorAll('.panel:not(.scroll, .log)')].filter(part => part.scrollWidth >"
            " part.clientWidth + 1).map(part => part.textContent.trim().slice(0, 60))"
        )
        assert clipped == [], address
        unnamed = opened.evaluate(
            "[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]"
            ".filter(field => !field.labels.length && !field.ariaLabel).map(field => field.name)"
        )
        assert unnamed == [], address
