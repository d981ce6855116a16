"""Sequences of thousands of items, such as those of the frames of an enhanced image: each item is found where it is."""

from pathlib import Path
from typing import Any

import pytest

from scripts_app.core.dataset.document import DatasetError, Document
from scripts_app.core.dataset.overlay import Sequence
from scripts_app.core.dataset.places import place_of
from tests.scripts_app.core.dataset.builders import document, edited_bytes, element, item, sequence

FRAMES = 0x52009230


def frames(folder: Path, count: int) -> tuple[Document, Sequence]:
    items = [item(element(0x00204000, "LT", f"{number:04}")) for number in range(1, count + 1)]
    opened = document(folder, sequence(FRAMES, items))
    found = opened.dataset.sequence(FRAMES)
    assert found is not None
    return opened, found


def comments(opened: Document) -> list[str | None]:
    return [each.get("ImageComments") for each in opened.root.items("5200,9230")]


class Item:
    """Knows how often somebody has asked whether it is another one."""

    asked = 0

    def __eq__(self, other: object) -> bool:
        Item.asked += 1
        return self is other

    def __hash__(self) -> int:
        return id(self)


@pytest.mark.parametrize(
    ("order", "kept"),
    [
        (lambda places: places, 0),
        (reversed, 0),
        (lambda places: places, 2),
        (lambda places: reversed([*places]), 2),
    ],
)
def test_items_that_go_one_by_one_are_found_without_a_look_at_all_for_each(order: Any, kept: int) -> None:
    """Of 2,500 all, or every other one, from either end: by numbers that were given before."""
    items = [Item() for _ in range(2500)]
    there, removed, Item.asked = list(items), 0, 0
    for last in order(range(2500)):
        place = place_of(items[last], there, last, removed)
        assert there[place] is items[last]
        if not kept or last % kept:
            del there[place]
            removed += 1
    assert len(there) == (1250 if kept else 0)
    assert Item.asked <= 2500 * 2


def test_thousands_are_removed_by_their_numbers_in_no_time_and_come_back(tmp_path: Path) -> None:
    opened, found = frames(tmp_path, 2500)
    with opened:
        mark = opened.mark()
        for _ in range(2500):
            opened.root.remove("5200,9230[1]")
        assert not found.items
        # What each removal leaves to be taken back is one item, not a copy of all.
        assert sum(len(kept) for *_, kept in opened.dataset.journal._entries if isinstance(kept, list)) == 0
        opened.rollback(mark)
        assert comments(opened) == [f"{number:04}" for number in range(1, 2501)]
        views = opened.root.items("5200,9230")
        assert views[-1].set("ImageComments", "x").path == "5200,9230[2500].0020,4000"


def test_the_number_of_an_item_is_that_of_the_moment(tmp_path: Path) -> None:
    opened, _ = frames(tmp_path, 4)
    with opened:
        views = opened.root.items("5200,9230")
        assert views[3].set("ImageComments", "D").path == "5200,9230[4].0020,4000"
        mark = opened.mark()
        assert views[0].delete().path == "5200,9230[1]"
        assert views[3].set("ImageComments", "DD").path == "5200,9230[3].0020,4000"
        assert opened.root.append("5200,9230")[1][0].path == "5200,9230[4]"
        with pytest.raises(DatasetError, match="has been removed"):
            views[0].set("ImageComments", "A")
        opened.rollback(mark)
        assert views[0].set("ImageComments", "A").path == "5200,9230[1].0020,4000"
        assert views[3].set("ImageComments", "E").path == "5200,9230[4].0020,4000"
        assert comments(opened) == ["A", "0002", "0003", "E"]


def test_a_copy_numbers_its_own_items(tmp_path: Path) -> None:
    opened, _ = frames(tmp_path, 3)
    with opened:
        opened.root.items("5200,9230")[2].set("ImageComments", "C")
        copy = opened.clone()
        copy.root.items("5200,9230")[0].delete()
        assert copy.root.items("5200,9230")[1].set("ImageComments", "CC").path == "5200,9230[2].0020,4000"
        assert opened.root.items("5200,9230")[2].set("ImageComments", "C2").path == "5200,9230[3].0020,4000"
        assert (comments(opened), comments(copy)) == (["0001", "0002", "C2"], ["0002", "CC"])
        assert edited_bytes(copy).count(b"CC") == 1
