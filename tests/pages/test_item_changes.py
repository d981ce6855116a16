"""What scripts changed, as a person wants it: one row for each element, outputs that are the same told once."""

import pytest

from routing.models import PrepareReport
from routing.showing.changes import output_changes
from tests.builders import queue_item
from tests.pages.people import visitor, words


def change(path="0010,0020", old="1", new="2", *, operation="Set", entry=1, line=3, keyword="PatientID"):
    return {
        "operation": operation,
        "path": path,
        "keyword": keyword,
        "old": old,
        "new": new,
        "entry": entry,
        "line": line,
    }


def output(destination, *changes, original=True):
    return {"destination": destination, "original": original, "changes": list(changes)}


def rows(*changes):
    (found,) = output_changes([output("PACS", *changes)], "PACS")
    return [(row.path, row.vr, row.old, row.new, row.edits) for row in found.rows]


def test_edits_of_one_element_are_one_row_from_the_first_value_to_the_last():
    told = rows(
        change(old="1", new="2"), change("0010,0010", None, "A^B"), change(old="2", new=None, entry=2, line=None)
    )
    assert told == [
        ("0010,0020", "LO", "1", None, ("Set, entry 1:3", "Set, entry 2")),
        ("0010,0010", "PN", None, "A^B", ("Set, entry 1:3",)),
    ]


def test_rows_inside_sequences_are_told_apart_once_an_item_has_gone():
    path = "0008,1140[1].0008,1155"
    removal = change("0008,1140[1]", "<item of 2 elements>", None, operation="Remove", keyword="")
    told = rows(change(path, "1.1", "1.2"), removal, change(path, "2.1", "2.2"))
    assert [(row[0], row[2], row[3]) for row in told] == [
        (path, "1.1", "1.2"),
        ("0008,1140[1]", "<item of 2 elements>", None),
        (path, "2.1", "2.2"),
    ]
    assert [row[1] for row in told] == ["UI", "", "UI"]


def test_destinations_that_get_the_same_are_told_once_and_the_items_own_first():
    same, more = change(), change("0010,0010", "A", "B")
    outputs = [
        output("A", same),
        output("B", same, more, original=False),
        output("C", same, original=False),
        output("D"),
    ]
    told = [(found.destinations, len(found.rows)) for found in output_changes(outputs, "C")]
    assert told == [(("C", "A"), 1), (("B",), 2), (("D",), 0)]


@pytest.mark.django_db
def test_the_page_says_which_destinations_get_the_same():
    item = queue_item()
    outputs = [output("PACS", change()), output("AI", change(), original=False)]
    PrepareReport.objects.create(item=item, at=item.created_at, verdict="prepared", outputs=outputs)
    told = words(visitor(phi=True).get(f"/queue/{item.pk}/"))
    assert "PACS, AI get the same, 1 element changed" in told
    assert "0010,0020 PatientID LO 1 2 Set, entry 1:3" in told


@pytest.mark.django_db
def test_what_was_set_to_the_value_that_it_had_does_not_count_as_changed():
    item = queue_item()
    back = change("0008,1030", "A", "B"), change("0008,1030", "B", "A")
    outputs = [output("PACS", change(), *back), output("AI", change(old="1", new="1"), original=False)]
    PrepareReport.objects.create(item=item, at=item.created_at, verdict="prepared", outputs=outputs)
    told = words(visitor(phi=True).get(f"/queue/{item.pk}/"))
    assert "PACS original, 1 element changed, 1 set without a change" in told
    assert "AI copy, 0 elements changed, 1 set without a change" in told
    assert "0010,0020 PatientID LO 1 as it was Set, entry 1:3" in told


@pytest.mark.django_db
def test_of_thousands_of_changes_the_page_shows_the_first_and_says_where_the_others_are():
    item = queue_item()
    frames = [change(f"5200,9230[{frame}].0020,9158", keyword="FrameComments") for frame in range(1, 3001)]
    PrepareReport.objects.create(item=item, at=item.created_at, verdict="prepared", outputs=[output("PACS", *frames)])
    told = words(visitor(phi=True).get(f"/queue/{item.pk}/"))
    assert "3000 elements changed" in told
    assert "5200,9230[500].0020,9158" in told
    assert "5200,9230[501].0020,9158" not in told
    assert "Only the first 500 are shown; every edit is in the audit log" in told


def test_of_many_edits_of_one_element_the_first_and_the_last_are_told():
    ((_, _, old, new, edits),) = rows(*(change(old=str(at), new=str(at + 1), line=at) for at in range(1, 101)))
    assert (old, new) == ("1", "101")
    assert edits == ("Set, entry 1:1", "… 92 more …", *(f"Set, entry 1:{at}" for at in range(94, 101)))
