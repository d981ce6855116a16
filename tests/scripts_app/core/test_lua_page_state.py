"""The Lua filter page, study and series: key-value state shared across images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts_app.core.lua.binding import Binding
from scripts_app.core.outcome import Verdict
from tests.scripts_app.core.builders import CT_STUDY, PlainFacts, entry, only_report, printed, run
from tests.scripts_app.core.dataset.builders import element, part10

COUNT = "study.image_count = (study.image_count or 0) + 1"


def test_images_of_a_study_are_counted() -> None:
    facts = PlainFacts()
    for expected in (1, 2, 3):
        outcome = run(COUNT, facts=facts)
        assert outcome.state["study"] == {"image_count": expected}
        assert outcome.state_changed == {"study"}
        facts = PlainFacts(states={("study", CT_STUDY): outcome.state["study"]})


def test_state_is_scoped_to_the_images_study_and_series() -> None:
    facts = PlainFacts()
    run("study.a = 1 series.b = 2", facts=facts)
    assert {scope for scope, _ in facts.asked} == {"study", "series"}
    assert facts.asked[0] == ("study", CT_STUDY)
    assert len({uid for _, uid in facts.asked}) == 2


def test_state_that_no_script_looks_at_is_not_asked_for() -> None:
    facts = PlainFacts()
    outcome = run("print(study.queue:totalCount())", facts=facts)
    assert (facts.asked, dict(outcome.state), outcome.state_changed) == ([], {}, frozenset())


def test_reading_alone_changes_nothing() -> None:
    facts = PlainFacts(states={("study", CT_STUDY): {"n": 7}})
    outcome = run("print(study.n, study.m)", facts=facts)
    assert [line.message for line in outcome.item_log] == ["7\tnil"]
    assert (outcome.state["study"], outcome.state_changed) == ({"n": 7}, frozenset())


def test_state_is_kept_with_the_uid_as_received() -> None:
    facts = PlainFacts()
    run("dataset:Set('StudyInstanceUID', '1.2.3') study.n = 1", facts=facts)
    assert facts.asked == [("study", CT_STUDY)]


VALUES = {
    "true": "boolean",
    "false": "boolean",
    "1": "integer",
    "1.0": "float",
    "-0.0": "float",
    "2^53": "float",
    "1e300": "float",
    "math.maxinteger": "integer",
    "math.mininteger": "integer",
    "math.huge": "float",
    "0.1": "float",
    "'text'": "string",
    "'ä\\n'": "string",
    "'\\xff\\0'": "string",
    "''": "string",
    "'#bytes'": "string",
}


@pytest.mark.parametrize("value", VALUES)
def test_values_come_back_exactly_as_they_were_after_a_round_trip_through_json(value: str) -> None:
    kept = run(f"study.v = {value} study[{value if value not in ('true', 'false') else 1}] = 'key'").state["study"]
    facts = PlainFacts(states={("study", CT_STUDY): json.loads(json.dumps(kept))})
    kind = "math.type(study.v) or type(study.v)"
    key = value if value not in ("true", "false") else 1
    script = f"print(study.v == {value}, {kind}, study[{key}], string.format('%q', study.v))"
    (line,) = printed(script, facts=facts)
    assert line.startswith(f"true\t{VALUES[value]}\tkey")


def test_nan_is_a_value_but_no_key() -> None:
    kept = run("study.v = 0/0").state["study"]
    facts = PlainFacts(states={("study", CT_STUDY): json.loads(json.dumps(kept))})
    assert printed("print(study.v ~= study.v)", facts=facts) == ["true"]
    assert "a key must not be NaN" in only_report("study[0/0] = 1").reason


def test_nested_tables_are_kept_by_value() -> None:
    script = """
        local seen = {list = {10, 20, 30}}
        study.seen = seen
        seen.list[1] = 99
        study.seen.list[2] = 21
        study.seen.list[#study.seen.list + 1] = 40
        table.insert(study.seen.list, 50)
        print(study.seen.list[1], study.seen.list[2], #study.seen.list, study.seen == study.seen)
        print(table.concat(study.seen.list, ','))
    """
    assert printed(script) == ["10\t21\t5\ttrue", "10,21,30,40,50"]


def test_tables_survive_to_the_next_image_with_integer_and_string_keys_apart() -> None:
    kept = run("study.t = {'one', ['1'] = 'text', [-5] = 'minus', ['#1'] = 'hash', [1.5] = 'half', [''] = 'none'}")
    facts = PlainFacts(states={("study", CT_STUDY): json.loads(json.dumps(kept.state["study"]))})
    script = "local t = study.t print(t[1], t['1'], t[-5], t['#1'], t[1.5], t[''])"
    assert printed(script, facts=facts) == ["one\ttext\tminus\thash\thalf\tnone"]


def test_a_table_of_state_can_be_copied_within_and_between_the_scopes() -> None:
    script = "study.a = {x = {1}} series.b = study.a study.a.x[1] = 2 print(series.b.x[1], study.a.x[1])"
    assert printed(script) == ["1\t2"]


@pytest.mark.parametrize("loop", ["for key in next, study do", "for key in pairs(study) do"])
def test_a_traversal_may_remove_what_it_has_reached(loop: str) -> None:
    script = (
        f"study.a = 1 study.b = 2 study.c = 3 local n = 0 {loop} study[key] = nil n = n + 1 end print(n, next(study))"
    )
    assert printed(script) == ["3\tnil"]


def test_next_tells_what_was_added_since_the_last_look() -> None:
    script = "study.a = 1 print(next(study)) study.b = 2 print(next(study, 'a')) study.c = 3 print(next(study, 'b'))"
    assert printed(script) == ["a\t1", "b\t2", "c\t3"]
    assert only_report("study.a = 1 next(study, 'z')").reason == "invalid key to 'next'"


def test_each_step_of_next_takes_as_long_in_a_large_table(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Any] = []
    real = Binding._state_keys

    def counted(self: Binding, handle: Any) -> Any:
        looks.append(handle)
        return real(self, handle)

    monkeypatch.setattr(Binding, "_state_keys", counted)
    large = "local t = {} for i = 1, 500 do t[i] = i end study.t = t "
    assert printed(large + "local n = 0 for _, v in next, study.t do n = n + v end print(n)") == ["125250"]
    assert len(looks) == 1


def test_pairs_and_next_see_what_is_kept_and_not_the_queue() -> None:
    script = """
        study.a = 1 study.b = {} study.c = 3 study.a = nil
        for key, value in pairs(study) do print(key, type(value)) end
        print(next(study), next(study, 'b'), next(study, 'c'))
        print(next(series), next({}), next({5}))
    """
    assert printed(script) == ["b\ttable", "c\tnumber", "b\tc\tnil", "nil\tnil\t1\t5"]


def test_entries_may_be_removed_while_iterating() -> None:
    assert printed("study.a = 1 study.b = 2 for key in pairs(study) do study[key] = nil end print(next(study))") == [
        "nil"
    ]


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("study.f = print", "a function cannot be kept"),
        ("study.f = function() end", "a function cannot be kept"),
        ("series.t = {1, {print}}", "a function cannot be kept"),
        ("study.c = coroutine.create(print)", "a thread cannot be kept"),
        ("study.d = dataset", "a dataset cannot be kept"),
        ("study.u = io.stdout", "a userdata cannot be kept"),
        ("local t = {} t.t = t study.t = t", "must not contain itself"),
        ("local t = {} for i = 1, 100 do t = {t} end study.t = t", "nested deeper than 64"),
        # Not at once, but level by level.
        ("study.t = {} local t = study.t for i = 1, 2000 do t.t = {} t = t.t end", "nested deeper than 64"),
        ("study[true] = 1", "a key must be a string or a number"),
        ("study[{}] = 1", "a key must be a string or a number"),
        ("study.t = {[true] = 1}", "a key must be a string or a number"),
        ("study.a = {} study.a.b = print", "study.a.b: a function cannot be kept"),
        ("study.queue = 1", "study.queue cannot be assigned"),
    ],
)
def test_anything_else_is_a_script_error_at_the_assignment(assignment: str, words: str) -> None:
    outcome = run(f"\n{assignment}")
    assert words in outcome.entries[0].reason
    assert outcome.entries[0].line == 2
    assert outcome.state_changed == frozenset()


def test_a_failed_entry_restores_study_and_series() -> None:
    outcome = run(
        "study.n = 1 study.t = {x = 1} series.s = 's'",
        "study.n = 2 study.t.x = 2 study.t.y = 3 series.s = nil study.new = true error('x')",
        "print(study.n, study.t.x, study.t.y, series.s, study.new)",
    )
    assert [line.message for line in outcome.item_log] == ["1\t1\tnil\ts\tnil"]


def test_state_changed_only_by_a_failed_entry_is_not_written_back() -> None:
    assert run("study.n = 1 error('x')").state_changed == frozenset()


@pytest.mark.parametrize(("word", "verdict"), [("retry", Verdict.RETRY), ("fail", Verdict.FAILED)])
def test_state_is_not_written_back_when_the_image_will_be_prepared_again(word: str, verdict: Verdict) -> None:
    outcome = run(COUNT, f"error('{word}')")
    assert (outcome.verdict, outcome.state_changed) == (verdict, frozenset())


@pytest.mark.parametrize("word", ["retry", "fail"])
def test_the_state_of_an_outcome_is_what_is_kept_of_it(word: str) -> None:
    facts = PlainFacts(states={("study", CT_STUDY): {"n": 7, "t": {"x": 1}}})
    outcome = run("study.n = study.n + 1 study.t.x = 2 series.new = true", f"error('{word}')", facts=facts)
    assert outcome.state == {"study": {"n": 7, "t": {"x": 1}}, "series": {}}


def test_a_dropped_image_counts_too() -> None:
    assert run(COUNT, "route:Drop()").state_changed == {"study"}


def test_a_table_held_by_a_lua_variable_is_still_the_kept_one_after_a_rollback() -> None:
    outcome = run(
        "study.t = {n = 1} held = study.t",
        "held.n = 2 error('x')",
        entry("held.n = held.n + 10 print(study.t.n)"),
    )
    assert [line.message for line in outcome.item_log] == ["11"]


def test_without_a_uid_the_tables_live_as_long_as_the_image(tmp_path: Path) -> None:
    path = tmp_path / "no_study.dcm"
    path.write_bytes(part10(element(0x00080060, "CS", "CT")))
    facts = PlainFacts()
    assert printed("study.n = 1", "print(study.n)", path=path, facts=facts) == ["1"]
    assert facts.asked == []
    assert run("study.n = 1", path=path).state_changed == frozenset()


def test_a_table_may_hold_another_one_twice() -> None:
    assert printed("local t = {1} study.a = {t, t} print(study.a[1][1], study.a[2][1])") == ["1\t1"]
