"""What a draft means for an image, told from two dry runs of it."""

import pytest

from scripts_app.core.comparison import Effect, compared


def change(tag="0010,0010", new="ANON", old="TEST^ANNA", keyword="PatientName"):
    return {"tag": tag, "keyword": keyword, "old": old, "new": new}


def result(verdict="prepared", *, entries=("ran",), study=None, **outputs):
    return {
        "result": verdict,
        "entries": [{"status": status} for status in entries],
        "outputs": [
            {"destination": name, "original": name == "PACS", "changes": changes} for name, changes in outputs.items()
        ],
        "state": {"study": study or {}, "series": {}},
    }


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [
        (result(PACS=[]), result(PACS=[]), Effect.IDENTICAL),
        (result(PACS=[]), result("failed"), Effect.FAILS),
        (result("dropped"), result("retry"), Effect.FAILS),
        (result(PACS=[]), result(PACS=[], AI=[]), Effect.ROUTES),
        (result(PACS=[]), result("dropped"), Effect.ROUTES),
        (result(PACS=[]), result(PACS=[change()]), Effect.ELEMENTS),
        (result(PACS=[change()]), result(PACS=[change(new="OTHER")]), Effect.ELEMENTS),
        (result(PACS=[]), result(PACS=[], entries=("error",)), Effect.ERRORS),
        (result("failed"), result(PACS=[]), Effect.BETTER),
        (result(PACS=[], entries=("error",)), result(PACS=[]), Effect.BETTER),
        (result(PACS=[], entries=("error",)), result(PACS=[], AI=[]), Effect.ROUTES),
        (result("failed"), result("failed"), Effect.IDENTICAL),
        (result("failed"), result("retry"), Effect.ROUTES),
    ],
)
def test_the_effect_is_the_worst_that_holds(before, after, effect):
    assert compared(before, after).effect is effect


def test_destinations_gained_and_lost_are_named_and_a_copy_is_told_from_the_original():
    found = compared(result(PACS=[], AI=[]), result(PACS=[], RESEARCH=[]))
    assert (found.gained, found.lost) == (("RESEARCH (copy)",), ("AI (copy)",))


def test_an_element_is_told_with_what_was_received_and_both_values():
    found = compared(result(PACS=[change()]), result(PACS=[change(new=None)]))
    told = found.elements[0]
    assert (told.destination, told.tag, told.received, told.before, told.after) == (
        "PACS", "0010,0010", "TEST^ANNA", "ANON", None,
    )  # fmt: skip
    kept = compared(result(PACS=[change()]), result(PACS=[])).elements[0]
    assert (kept.before, kept.after) == ("ANON", "TEST^ANNA")


def test_a_uid_that_is_new_at_each_run_is_no_difference_but_one_that_stays_is():
    def uid(new):
        return result(PACS=[change("0020,000d", new, "1.2.3", "StudyInstanceUID")])

    assert compared(uid("1.9.1"), uid("1.9.2"), uid("1.9.3")).effect is Effect.IDENTICAL
    assert compared(uid("1.9.1"), uid("1.9.2"), uid("1.9.1")).effect is Effect.ELEMENTS
    assert compared(uid("1.9.1"), result(PACS=[]), uid("1.9.3")).effect is Effect.ELEMENTS


def test_what_the_same_scripts_do_not_repeat_is_no_difference():
    def stamped(new):
        return result(PACS=[change("0008,0033", new, "120000", "ContentTime")])

    assert compared(stamped("100001"), stamped("100002"), stamped("100003")).effect is Effect.IDENTICAL
    assert compared(stamped("100001"), stamped("070000"), stamped("100001")).effect is Effect.ELEMENTS
    assert compared(stamped("100001"), result(PACS=[]), stamped("100003")).effect is Effect.ELEMENTS


def test_edits_of_the_same_place_inside_a_sequence_are_compared_one_by_one():
    place = "0008,1110[1].0008,1155"
    one, two = change(place, "1.1", None, ""), change(place, "1.2", None, "")
    assert compared(result(PACS=[one, two]), result(PACS=[one, two])).effect is Effect.IDENTICAL
    assert [found.tag for found in compared(result(PACS=[one, two]), result(PACS=[one])).elements] == [f"{place} (2)"]


def edited(sum_, *changes):
    found = result(PACS=list(changes))
    found["outputs"][0]["sum"] = sum_
    return found


def test_other_edits_inside_a_sequence_that_come_to_the_same_are_no_difference():
    place = "0008,1110[1].0008,1155"
    once, twice = change(place, "1.2", None, ""), change(place, "1.1", None, "")
    assert compared(edited("aa", once), edited("aa", twice, once), edited("aa", once)).effect is Effect.IDENTICAL


def test_the_same_edits_inside_a_sequence_in_another_order_are_a_difference_where_they_come_to_another_image():
    set_, removed = change("0008,1110[1].0008,1150", "1.9", None, ""), change("0008,1110[1]", None, "<item>", "")
    was, now = edited("aa", set_, removed), edited("bb", removed, set_)
    found = compared(was, now, was)
    assert found.effect is Effect.ELEMENTS
    assert [(each.tag, each.keyword, each.after) for each in found.elements] == [
        ("0008,1110", "ReferencedStudySequence", "<the same edits in another order>")
    ]
    assert compared(was, now, edited("cc", set_, removed)).effect is Effect.IDENTICAL, "new at each run"


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ({}, {"seen": True}, [("study.seen", None, "true")]),
        ({"n": 1, "a": "x"}, {"n": 2, "a": "x"}, [("study.n", "1", "2")]),
        ({"name": "ANON"}, {}, [("study.name", "ANON", None)]),
        ({"seen": ["1.2"]}, {"seen": ["1.2", "1.3"]}, [("study.seen.2", None, "1.3")]),
        ({"of": {"CT": 1}}, {"of": "CT"}, [("study.of", '{"CT": 1}', "CT")]),
    ],
)
def test_what_later_images_would_find_otherwise_is_a_difference(was, now, told):
    found = compared(result(PACS=[], study=was), result(PACS=[], study=now), result(PACS=[], study=was))
    assert found.effect is Effect.ELEMENTS
    assert [(each.place, each.before, each.after) for each in found.states] == told


def test_state_that_the_same_scripts_do_not_repeat_is_no_difference():
    def kept(uid, **more):
        return result(PACS=[], study={"uid": uid, "of": {uid: {"n": 1}}, **more})

    assert compared(kept("1.1"), kept("1.2"), kept("1.3")).effect is Effect.IDENTICAL
    assert [each.place for each in compared(kept("1.1", n=1), kept("1.2", n=2), kept("1.3", n=1)).states] == ["study.n"]
    assert compared(kept("1.1"), result(PACS=[]), kept("1.3")).effect is Effect.ELEMENTS
