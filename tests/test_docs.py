"""The manual says what the code does: tables are up to date, every id and every link leads somewhere."""

import re
from pathlib import Path

import pytest

from capacitor_web.manual import documented, made_files
from routing.core.states import QueueEvent, QueueState

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_every_table_made_from_the_code_is_up_to_date():
    for path, text in made_files().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run manage.py manual"


def test_settings_states_and_commands_have_their_pages():
    made = {path.name for path in made_files()}
    assert {"settings.md", "states.md", "commands.md", ".env.example"} <= made


def test_every_state_and_event_has_its_line():
    for members in (QueueState, QueueEvent):
        meanings = documented(members)
        assert set(meanings) == set(members.__members__)
        assert all(meanings.values())


def test_every_check_id_in_the_code_is_explained_and_no_other():
    sources = [path for app in ("capacitor_web", "routing", "scripts_app") for path in (ROOT / app).rglob("*.py")]
    in_code = {id for path in sources for id in re.findall(r"\bcapacitor\.[EW]\d{3}\b", path.read_text())}
    in_manual = set(re.findall(r"^\| (capacitor\.[EW]\d{3}) \|", (ROOT / "docs/checks.md").read_text(), re.MULTILINE))
    assert in_code == in_manual
    assert in_code


def _shell_of_the_router():
    """Each folder of the router's shell, and each module in it; what all of a folder's modules are is told together."""
    told_together = {"administration", "backup", "configuration", "core", "demo", "dicom", "management", "migrations"}
    told_together |= {"models", "templatetags", "views"}
    for path in (ROOT / "routing").rglob("*.py"):
        if not told_together & set(path.parts) and path.stem not in ("__init__", "apps"):
            yield path.parent.relative_to(ROOT), path.stem


def test_every_module_of_the_router_has_its_room_in_the_architecture():
    tables = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").partition("## The tree")[2]
    for folder, module in _shell_of_the_router():
        wide = folder.name in ("routing", "engine")
        rooms = [row for row in tables.splitlines() if wide or f"{folder.name}/`" in row]
        told = " ".join(re.findall(r"`([^`]+)`", "\n".join(rooms)))
        assert module in re.findall(r"\w+", told), f"{folder}/{module}"


def test_every_command_says_what_it_does():
    rows = re.findall(r"^\| (`\w+`) \| (.*) \|$", (ROOT / "docs/commands.md").read_text(), re.MULTILINE)
    assert len(rows) >= 2
    assert all(about for _, about in rows), "the command's module begins with one sentence"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{target} is not there"


def test_every_page_is_reached_from_the_readme_by_links():
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page not in reached:
            reached.add(page)
            for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
                there = (page.parent / target).resolve()
                ahead += there.glob("*.md") if there.is_dir() else [there] if there.suffix == ".md" else []
    assert set(PAGES) <= reached


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_into_a_page_leads_to_a_heading(path):
    for target, part in re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", path.read_text(encoding="utf-8")):
        page = (path.parent / target).resolve() if target else path
        headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
        assert part in anchors, f"{target}#{part} is not there"
