"""Comparing and merging all entries and libraries."""

import copy

from scripts_app.core.collection import differences, merged, script_set


def entry(key, script="print(1)", **fields):
    values = {
        "key": key,
        "description": f"entry {key}",
        "enabled": True,
        "conditions": [],
        "ae_titles": [],
        "on_error": "skip",
    }
    return {**values, **({} if "library" in fields else {"script": script}), **fields}


def collection(*entries, **libraries):
    return {"entries": list(entries), "libraries": {f"{name}.lua": text for name, text in libraries.items()}}


def told(old, new):
    return [(found.kind, found.title) for found in differences(old, new)]


def test_equal_collections_do_not_differ():
    assert told(collection(entry("1"), a="x"), collection(entry("1"), a="x")) == []


def test_every_difference_is_told_once():
    old = collection(entry("1"), entry("2"), a="x", b="y")
    new = collection(entry("3"), entry("1", "print(2)"), a="x", b="z", c="")
    assert told(old, new) == [
        ("added", "entry 3"),
        ("changed", "entry 1"),
        ("removed", "entry 2"),
        ("changed", "b.lua"),
        ("added", "c.lua"),
    ]


def test_a_new_order_alone_is_a_difference():
    old, new = collection(entry("1"), entry("2")), collection(entry("2"), entry("1"))
    assert [(found.kind, found.old, found.new) for found in differences(old, new)] == [
        ("order", "entry 1\nentry 2", "entry 2\nentry 1")
    ]


def test_a_condition_is_part_of_the_text():
    inner = {"tag": "CodeValue", "match_expression": "1", "search": False, "sequence_items": []}
    inner["private_tag_creator"] = ""
    outer = {**inner, "tag": "ProcedureCodeSequence", "match_expression": "", "sequence_items": [inner]}
    (found,) = differences(collection(entry("1")), collection(entry("1", conditions=[outer])))
    assert "Condition: ProcedureCodeSequence\nCondition:   CodeValue matches 1\n" in found.new


def test_only_enabled_entries_run_and_a_library_is_their_source():
    scripts = script_set(collection(entry("1", enabled=False), entry("2", library="a.lua"), a="print(2)"))
    assert [(e.number, e.chunk, e.script) for e in scripts.entries] == [(1, "a.lua", "print(2)")]


def test_what_only_one_side_changed_is_taken():
    base = collection(entry("1"), entry("2"), a="x", b="y")
    mine = collection(entry("1", "print('mine')"), entry("2"), entry("new"), a="mine", b="y")
    theirs = collection(entry("2", "print('theirs')"), a="x", c="c")
    before = copy.deepcopy(theirs)
    result, both = merged(base, mine, theirs)
    # Entry 1 was changed here and removed there: it stays, and is told.
    assert [found.title for found in both] == ["entry 1"]
    assert [e["script"] for e in result["entries"]] == ["print('mine')", "print('theirs')", "print(1)"]
    assert result["libraries"] == {"a.lua": "mine", "c.lua": "c"}
    assert theirs == before


def test_what_both_sides_changed_stays_mine_and_both_texts_are_told():
    base, mine, theirs = (collection(entry("1"), a=text) for text in ("x", "mine", "theirs"))
    result, both = merged(base, mine, theirs)
    assert result["libraries"] == {"a.lua": "mine"}
    assert [(found.title, found.old, found.new) for found in both] == [("a.lua", "theirs", "mine")]


def test_the_same_change_on_both_sides_is_no_conflict():
    base, changed = collection(a="x"), collection(a="y")
    assert merged(base, changed, changed) == (changed, [])


def test_an_order_that_only_one_side_changed_is_taken():
    base, turned = collection(entry("1"), entry("2")), collection(entry("2"), entry("1"))
    for mine, theirs in ((base, turned), (turned, base)):
        result, both = merged(base, mine, theirs)
        assert [e["key"] for e in result["entries"]] == ["2", "1"]
        assert both == []


def test_of_two_new_orders_mine_stays_and_theirs_is_told():
    one, two, three = entry("1"), entry("2"), entry("3")
    base, mine, theirs = collection(one, two, three), collection(two, one, three), collection(one, three, two)
    result, both = merged(base, mine, theirs)
    assert [e["key"] for e in result["entries"]] == ["2", "1", "3"]
    assert [(found.kind, found.old, found.new) for found in both] == [
        ("order", "entry 1\nentry 3\nentry 2", "entry 2\nentry 1\nentry 3")
    ]
