"""Everything that a person can do on the pages."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from routing.operating.operator_actions import Action
from routing.selecting.bulk import DONE
from tests.pages.deed import ADMINISTRATOR, AUTHOR, LADDER, OPERATOR, Deed, to


def _item(name: str, number: int, told: str) -> Deed:
    identifier = 9999_00 + number
    return Deed((name,), OPERATOR, f"/queue/{{r}}{number:02}/", to(name, identifier), told)


def _listed(name: str) -> Deed:
    return Deed((name,), AUTHOR, "/scripts/", to(name, 1), "Nothing of it runs yet", told_in=".draft-line")


def _tick(page: Page, button: Locator) -> None:
    page.locator("#queue input[name=ids]").first.check()


def _bulk(action: Action) -> Deed:
    def choose(page: Page, button: Locator) -> None:
        _tick(page, button)
        button.click()
        if action is Action.REDIRECT:
            page.get_by_label("New destination").select_option("OTHER")

    told = f"1 item {DONE[action]}."
    place = f"/queue/?study=9.{{r}}.{list(Action).index(action)}"
    return Deed(("queue_act",), OPERATOR, place, f"#bulk-{action}", told, choose, "#do-it", f"bulk {action}")


def _reject(page: Page, button: Locator) -> None:
    _tick(page, button)
    page.locator("#bulk-reject").click()
    page.locator("#do-it").click()
    expect(page.locator("#messages")).to_contain_text("1 item rejected.")


def _retry(page: Page, button: Locator) -> None:
    page.locator("#retry-stuck").click()
    page.locator("#do-it").click()
    expect(page.locator("#messages")).to_contain_text("1 item retried.")


def _fields(**values: str) -> Callable[[Page, Locator], None]:
    def fill(page: Page, button: Locator) -> None:
        for label, value in values.items():
            page.get_by_label(label.replace("_", " "), exact=True).fill(value.replace("{r}", _role_number(page)))

    return fill


def _role_number(page: Page) -> str:
    return str(1 + LADDER.index(page.locator("details.menu summary").inner_text().strip()))


def _change(page: Page, button: Locator) -> None:
    """A draft of the scripts, whoever made the last one."""
    page.goto(page.url.split("/scripts/")[0] + "/scripts/")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.locator(to("script_entry_toggle", 1)).click()
    page.goto(page.url.split("/scripts/")[0] + "/scripts/draft/")


def _with_reason(page: Page, button: Locator) -> None:
    _change(page, button)
    page.get_by_label("Why").fill("wanted")


def _discard(page: Page, button: Locator) -> None:
    _change(page, button)
    page.get_by_text("Discard the draft").click()


def _roll_back(page: Page, button: Locator) -> None:
    """Two activations, and the page of the older one."""
    root = page.url.split("/scripts/")[0]
    _with_reason(page, button)
    page.locator(to("script_activate")).click()
    page.wait_for_url(root + "/scripts/versions/")
    page.locator("tbody tr").nth(1).get_by_role("link", name="Compare").click()


def _try(page: Page, button: Locator) -> None:
    """A synthetic image through the scripts as they stand in the editor."""
    if not page.get_by_label("or a synthetic image").is_visible():
        page.get_by_text("Choose an image").click()
    page.get_by_label("or a synthetic image").select_option("CT")
    page.locator(to("script_sample")).click()
    expect(page.locator("#sample")).to_contain_text("Image: ")
    page.locator("#try").click()
    page.locator("#test-name").fill(f"kept by {_role_number(page)}", timeout=30_000)


KEPT = "in the draft; nothing runs differently until it is activated"
ITEMS = (
    _item("queue_try_now", 1, "is tried at once."),
    _item("queue_send_again", 2, "is now Prepared."),
    _item("queue_prepare_again", 3, "is now New."),
    _item("queue_fail", 4, "is now Failed."),
    _item("queue_reject", 5, "is now Rejected."),
    *(_bulk(action) for action in Action),
    Deed(("queue_act", "queue_undo"), OPERATOR, "/queue/?study=9.{r}.99", "#undo-button", "put back", _reject),
    Deed(
        ("queue_act",),
        OPERATOR,
        "/studies/8.{r}/",
        "#retry-stuck",
        "1 item retried.",
        lambda page, button: button.click(),
        "#do-it",
        "retry of a study",
    ),
    Deed(
        ("queue_act", "queue_undo"),
        OPERATOR,
        "/studies/7.{r}/",
        "form.undo button",
        "put back as before",
        _retry,
        title="undo on the page of a study",
    ),
    Deed(
        ("quarantine_delete",),
        OPERATOR,
        "/quarantine/",
        to("quarantine_delete", 9999),
        "",
    ),
)
NODES = (
    Deed(("node_pause",), OPERATOR, "/nodes/", to("node_pause", 9999_1), "R{r} is paused"),
    Deed(("node_resume",), OPERATOR, "/nodes/", to("node_resume", 9999_2), "P{r} is sent to again."),
    Deed(("node_disable",), ADMINISTRATOR, "/nodes/{r}2/status/", to("node_disable", 9999_2), "P{r} is disabled"),
    Deed(("node_enable",), ADMINISTRATOR, "/nodes/{r}2/status/", to("node_enable", 9999_2), "P{r} is enabled"),
    Deed(("node_echo",), OPERATOR, "/nodes/{r}1/status/", to("node_echo", 9999_1), "R{r} at 127.0.0.1 port 9"),
    Deed(("node_test_image",), OPERATOR, "/nodes/{r}1/status/", to("node_test_image", 9999_1), "on its way to R{r}"),
    Deed(
        ("node_schedule",),
        OPERATOR,
        "/nodes/{r}3/status/",
        to("node_schedule", 9999_3),
        "S{r} is sent to until",
        lambda page, _: page.locator("#until").fill("03:30"),
    ),
    Deed(
        ("node_create",),
        ADMINISTRATOR,
        "/nodes/new/",
        "main form button",
        "NEW{r} is saved",
        _fields(AE_title="NEW{r}", Host="192.0.2.1"),
    ),
    Deed(
        ("node_edit",), ADMINISTRATOR, "/nodes/{r}4/", "main form button", "E{r} is saved", _fields(Description="new")
    ),
    Deed(("node_delete",), ADMINISTRATOR, "/nodes/{r}5/delete/", "main form button", "D{r} is deleted"),
    Deed(
        ("sender_create",),
        OPERATOR,
        "/senders/new/",
        "main form button",
        "MADE{r} from anywhere is saved",
        _fields(AE_title="MADE{r}"),
    ),
    Deed(
        ("sender_edit",),
        OPERATOR,
        "/senders/{r}1/",
        "main form button",
        "EDIT{r} from anywhere is saved",
        _fields(Description="changed by {r}"),
    ),
    Deed(
        ("sender_delete",),
        OPERATOR,
        "/senders/",
        to("sender_delete", 9999_2),
        "GONE{r} from anywhere may no longer send",
    ),
    Deed(("sender_allow",), OPERATOR, "/senders/", to("sender_allow", 9999_1), "NEW_{r} may send from"),
)
SCRIPTS = (
    Deed(
        ("script_entry_new",),
        AUTHOR,
        "/scripts/entries/new/",
        "#script-form button.main",
        KEPT,
        _fields(Description="made by {r}"),
    ),
    Deed(
        ("script_entry",),
        AUTHOR,
        "/scripts/entries/1/",
        "#script-form button.main",
        KEPT,
        _fields(Description="changed by {r}"),
    ),
    _listed("script_entry_toggle"),
    # The first entry goes down before it can go up.
    _listed("script_entry_down"),
    _listed("script_entry_up"),
    Deed(("script_entry_delete",), AUTHOR, "/scripts/entries/{r}/", to("script_entry_delete", 9999), KEPT),
    Deed(
        ("script_library_new",),
        AUTHOR,
        "/scripts/libraries/new/",
        "#script-form button.main",
        KEPT,
        _fields(Path="new{r}.lua"),
    ),
    Deed(("script_library",), AUTHOR, "/scripts/libraries/file/lib{r}.lua", "#script-form button.main", KEPT),
    Deed(
        ("script_library_delete",),
        AUTHOR,
        "/scripts/libraries/file/lib{r}.lua",
        to("script_library_delete", "lib9999.lua"),
        KEPT,
    ),
    Deed(("script_activate",), AUTHOR, "/scripts/draft/", to("script_activate"), "Active: workers take", _with_reason),
    Deed(("script_discard",), AUTHOR, "/scripts/draft/", to("script_discard"), "The draft is gone", _discard),
    Deed(
        ("script_activate", "script_roll_back"),
        AUTHOR,
        "/scripts/versions/",
        "main form button",
        "is active again",
        _roll_back,
    ),
    Deed(
        ("script_sample", "script_dry_run", "script_test_save"),
        AUTHOR,
        "/scripts/entries/1/",
        to("script_test_save"),
        "Kept as “kept by {r}”",
        _try,
        told_in="#kept",
    ),
    Deed(
        ("script_tests_run",),
        AUTHOR,
        "/scripts/tests/",
        to("script_tests_run"),
        "came out as expected",
        told_in="main",
    ),
    Deed(
        ("script_test_delete",),
        AUTHOR,
        "/scripts/tests/",
        "button[aria-label='Remove kept by {r}']",
        "“kept by {r}” is removed",
    ),
)
DEEDS = ITEMS + NODES + SCRIPTS
