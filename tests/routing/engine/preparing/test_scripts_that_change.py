"""Scripts that become active while a batch is under way: each image meets one version, the next one the new."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from routing.engine.preparing import prepare
from routing.models import ItemLogLine, Lane
from scripts_app.models import LuaLibrary
from tests.builders import lua_entry
from tests.routing.engine.preparing.preparation import Preparation, item, log_lines

pytestmark = pytest.mark.django_db


@pytest.mark.fault(72, "twice, in the middle of batches")
def test_scripts_that_are_changed_while_images_are_under_way_are_never_mixed(
    work: Preparation, seen: Callable[[str], None]
) -> None:
    """Two entries and a library say which version they belong to; each image has to meet one version of all three."""
    library = LuaLibrary.objects.create(path="v.lua", source="version = 1")
    entries = [lua_entry(f"include('v.lua') print('{place}', 1, version)") for place in "ab"]
    identifiers = [work.image() for _ in range(100)]
    done = 0

    def change() -> None:
        nonlocal done
        done += 1
        if done in (10, 80):
            number = 2 if done == 10 else 3
            library.source = f"version = {number}"
            library.save()
            for place, entry in zip("ab", entries, strict=True):
                entry.script = f"include('v.lua') print('{place}', {number}, version)"
                entry.save()

    work.preparer._tidy = change
    while work.step():
        pass
    versions = set()
    for identifier in identifiers:
        said = list(ItemLogLine.objects.filter(item_id=identifier).order_by("id").values_list("text", flat=True))
        number = said[0].split("\t")[1]
        assert said == [f"a\t{number}\t{number}", f"b\t{number}\t{number}"]
        recorded = item(identifier).script_version
        assert recorded is not None and f"version = {number}" in str(recorded.content)
        versions.add(number)
    assert versions == {"1", "2"} or versions == {"1", "2", "3"}
    seen(f"100 images, {len(versions)} versions: each met one, and its item names that one")


def test_what_becomes_active_counts_from_the_next_image_on_also_within_a_batch(
    work: Preparation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "_LOOK", 0)
    entry = lua_entry("print('old')")
    identifiers = [work.image() for _ in range(3)]

    def activate() -> None:
        entry.script = "print('new')"
        entry.save()

    work.preparer._tidy = activate
    work.step()
    assert [item(identifier).state for identifier in identifiers] == ["Prepared", "New", "New"]
    # As long as it holds them nobody else may take a later image of their study.
    studies = {item(identifier).study_instance_uid for identifier in identifiers}
    assert set(Lane.objects.values_list("key", flat=True)) == studies
    while work.step():
        pass
    assert [log_lines(item(identifier))[0][2] for identifier in identifiers] == ["old", "new", "new"]
    assert {item(identifier).prepare_starts for identifier in identifiers} == {0}


def test_whether_other_scripts_are_active_is_not_asked_for_each_image_of_a_moment(
    work: Preparation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "_LOOK", 60)
    lua_entry("print('once')")
    for _ in range(3):
        work.image()
    with CaptureQueriesContext(connection) as queries:
        assert work.step() == 3
    looks = [query for query in queries if query["sql"].startswith("SELECT number FROM scripts_app_scriptrevision")]
    # To load them, twice around that, and once when the images are claimed: that may have waited for the activation.
    assert len(looks) == 4
