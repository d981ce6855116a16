"""Sequences of thousands of items, such as those of the frames of an enhanced image: each item is found where it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts_app.core.dataset.document import DatasetError, Document
from scripts_app.core.dataset.overlay import Sequence
from tests.scripts_app.core.dataset.builders import document, edited_bytes, element, item, sequence

FRAMES = 0x52009230


class Counted(list[Any]):
    """Items that know how many of them somebody has looked at one after another."""

    looked_at = 0

    def __iter__(self) -> Iterator[Any]:
        for each in super().__iter__():
            self.looked_at += 1
            yield each


def frames(folder: Path, count: int) -> tuple[Document, Sequence]:
    items = [item(element(0x00204000, "LT", f"{number:04}")) for number in range(1, count + 1)]
    opened = document(folder, sequence(FRAMES, items))
    found = opened.dataset.sequence(FRAMES)
    assert found is not None
    return opened, found


def comments(opened: Document) -> list[str | None]:
    return [each.get("ImageComments") for each in opened.root.items("5200,9230")]


def test_edits_of_all_items_do_not_go_through_all_items_for_each(tmp_path: Path) -> None:
    opened, found = frames(tmp_path, 100)
    with opened:
        views = opened.root.items("5200,9230")
        found.items = counted = Counted(found.items)
        paths = [view.set("ImageComments", "x").path for view in views]
        assert paths == [f"5200,9230[{number}].0020,4000" for number in range(1, 101)]
        assert counted.looked_at <= 200


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
