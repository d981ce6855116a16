"""The loader turns rows into plain scripts, and the revision tells when to load again."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.core.serializers import serialize
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scripts_app.core.conditions.condition import Condition
from scripts_app.core.script_content import fingerprint, from_content, to_content
from scripts_app.loader import ScriptCache, current, from_version
from scripts_app.models import EntryCondition, LuaEntry, LuaLibrary, ScriptVersion
from scripts_app.revision import revision

pytestmark = pytest.mark.django_db


def entry(position: int = 1, script: str = "print(1)", **columns: Any) -> LuaEntry:
    return LuaEntry.objects.create(position=position, script=script, **columns)


def test_entries_come_in_order_numbered_among_the_enabled_ones() -> None:
    entry(3, "print(3)", description="third")
    entry(1, "print(1)", description="first", ae_titles=["PACS"], on_error="fail")
    entry(2, "print(2)", enabled=False)
    first, second = current().entries
    assert (first.number, first.description, first.chunk, first.ae_titles, first.on_error) == (
        1,
        "first",
        "entry 1",
        ("PACS",),
        "fail",
    )
    assert (second.number, second.script, second.chunk) == (2, "print(3)", "entry 2")


def test_a_file_script_has_its_path_as_chunk_and_every_library_is_there() -> None:
    library = LuaLibrary.objects.create(path="scripts/route.lua", source="route:Drop()")
    LuaLibrary.objects.create(path="libs/phi.lua", source="-- phi")
    entry(1, "", library=library)
    scripts = current()
    assert (scripts.entries[0].script, scripts.entries[0].chunk) == ("route:Drop()", "scripts/route.lua")
    assert scripts.libraries == {"libs/phi.lua": "-- phi", "scripts/route.lua": "route:Drop()"}


def test_conditions_keep_their_order_and_nesting() -> None:
    row = entry()
    EntryCondition.objects.create(entry=row, position=2, tag="Modality", match_expression="CT", search=True)
    sequence = EntryCondition.objects.create(entry=row, position=1, tag="0008,1140")
    EntryCondition.objects.create(
        entry=row, parent=sequence, position=1, tag="0009,0010", match_expression="1", private_tag_creator="ACME"
    )
    assert current().entries[0].conditions == (
        Condition("0008,1140", sequence_items=(Condition("0009,0010", "1", private_tag_creator="ACME"),)),
        Condition("Modality", "CT", search=True),
    )


def test_the_number_of_queries_does_not_depend_on_the_number_of_entries() -> None:
    for position in range(5):
        EntryCondition.objects.create(entry=entry(position), tag="Modality", match_expression="CT")
    current()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        current()
    assert len(queries) == 6


def test_equal_content_has_one_version_and_other_content_another() -> None:
    row = entry()
    first = current()
    assert current().version == first.version
    row.script = "print(2)"
    row.save()
    assert current().version != first.version
    row.script = "print(1)"
    row.save()
    assert current().version == first.version
    assert ScriptVersion.objects.count() == 2


def test_a_version_gives_back_the_scripts_it_was_made_from() -> None:
    library = LuaLibrary.objects.create(path="a.lua", source="x = 1")
    row = entry(1, "", library=library, description="d", ae_titles=["PACS"])
    EntryCondition.objects.create(entry=row, tag="Modality", match_expression="CT")
    entry(2, "print('é')")
    scripts = current()
    version = ScriptVersion.objects.get()
    assert from_version(version) == scripts
    assert version.sha256 == fingerprint(to_content(from_content(version.content)))


CHANGES: dict[str, Callable[[], object]] = {
    "save": lambda: LuaEntry.objects.get().save(),
    "create": lambda: entry(2),
    "delete": lambda: LuaEntry.objects.get().delete(),
    "bulk update": lambda: LuaEntry.objects.update(enabled=False),
    "bulk delete": lambda: LuaEntry.objects.all().delete(),
    "bulk create": lambda: LuaLibrary.objects.bulk_create([LuaLibrary(path="b.lua")]),
    "update of many rows": lambda: LuaLibrary.objects.bulk_update(LuaLibrary.objects.all(), ["source"]),
    "change of a condition": lambda: EntryCondition.objects.update(tag="SOPClassUID"),
    "condition removed through its entry": lambda: LuaEntry.objects.get().conditions.all().delete(),
    "library": lambda: LuaLibrary.objects.get().save(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_way_to_change_the_scripts_grows_the_revision(change: Callable[[], object]) -> None:
    LuaLibrary.objects.create(path="a.lua")
    EntryCondition.objects.create(entry=entry(), tag="Modality")
    before = revision()
    change()
    assert revision() > before


def test_a_loaded_fixture_grows_the_revision(tmp_path: Any) -> None:
    row = entry()
    fixture = tmp_path / "entries.json"
    fixture.write_text(serialize("json", [row]))
    before = revision()
    call_command("loaddata", str(fixture), verbosity=0)
    assert revision() > before


def test_the_cache_loads_again_only_after_a_change() -> None:
    row = entry()
    cache = ScriptCache()
    first = cache.get()
    with CaptureQueriesContext(connection) as queries:
        assert cache.get() is first
    assert len(queries) == 1
    row.script = "print(2)"
    row.save()
    assert cache.get().entries[0].script == "print(2)"


def test_a_change_during_the_load_leads_to_one_more_load(monkeypatch: pytest.MonkeyPatch) -> None:
    from scripts_app import loader

    row, load, calls = entry(), loader._load, list[int]()

    def slow_load() -> Any:
        scripts = load()
        if not calls:
            calls.append(1)
            row.script = "print('newer')"
            row.save()
        return scripts

    monkeypatch.setattr(loader, "_load", slow_load)
    assert current().entries[0].script == "print('newer')"


def test_a_transaction_that_fails_leaves_the_revision_as_it_was() -> None:
    from django.db import transaction

    before = revision()
    with pytest.raises(RuntimeError), transaction.atomic():
        entry()
        raise RuntimeError
    assert revision() == before


def test_browsers_line_ends_do_not_change_a_script() -> None:
    row = LuaEntry(script="a = 1\r\nb = 2\r\n")
    row.full_clean()
    assert row.script == "a = 1\nb = 2\n"
