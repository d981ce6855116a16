"""Study and series tables by themselves: exact keys and values, undo, the written form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from scripts_app.core.scoped_state import ScopedState, StateError, exact_key, read_state, write_state

KEYS = some.binary(max_size=6) | some.integers(-(2**63), 2**63 - 1) | some.floats(allow_nan=False).map(exact_key)
SCALARS = some.booleans() | some.integers(-(2**63), 2**63 - 1) | some.floats(allow_nan=False) | some.binary(max_size=9)
TABLES = some.dictionaries(
    KEYS, some.recursive(SCALARS, lambda inner: some.dictionaries(KEYS, inner, max_size=3), max_leaves=6), max_size=4
)


def exactly(value: Any) -> Any:
    """1, 1.0 and True are equal in Python and different here."""
    if isinstance(value, dict):
        return {(type(key), key): exactly(inner) for key, inner in value.items()}
    return type(value), repr(value)


@given(TABLES)
@settings(max_examples=40, deadline=None)
def test_every_table_survives_json_exactly(table: dict[Any, Any]) -> None:
    assert exactly(read_state(json.loads(json.dumps(write_state(table))))) == exactly(table)


def test_the_written_form_of_a_plain_table_is_plain_and_fit_for_every_database() -> None:
    table = {b"count": 3, b"names": {1: b"a", 2: b"b"}, b"#": b"x\0", b"far": float("inf"), b"big": 1e16}
    assert write_state(table) == {
        "count": 3,
        "names": {"#integer 1": "a", "#integer 2": "b"},
        "##": {"#bytes": "7800"},
        "far": {"#number": "inf"},
        "big": {"#number": "1e+16"},
    }


def test_assignments_are_undone_back_to_a_mark() -> None:
    state = ScopedState(lambda: {"a": 1, "t": {"x": 1}})
    root = state.root
    state.assign(root, b"a", 2)
    mark = state.mark()
    state.assign(root, b"a", None)
    state.assign(root, b"new", {b"y": 1})
    state.assign(root[b"new"], b"y", 2)
    state.assign(root[b"t"], b"x", 5)
    state.rollback(mark)
    assert root == {b"a": 2, b"t": {b"x": 1}}
    assert state.changed
    state.rollback(0)
    assert root == {b"a": 1, b"t": {b"x": 1}}
    assert not state.changed


def test_removing_what_is_not_there_changes_nothing() -> None:
    state = ScopedState(dict)
    state.assign(state.root, b"a", None)
    assert not state.changed


def test_the_stored_values_are_asked_for_once_and_only_when_looked_at() -> None:
    asked: list[int] = []

    def stored() -> dict[str, Any]:
        asked.append(1)
        return {"a": 1}

    state = ScopedState(stored)
    assert (asked, state.touched) == ([], False)
    assert (state.root, state.root, asked, state.touched) == ({b"a": 1}, {b"a": 1}, [1], True)


def test_whole_floats_and_integers_are_one_key() -> None:
    assert [repr(exact_key(key)) for key in (1.0, 1, 1.5, 1e300, b"1")] == ["1", "1", "1.5", "1e+300", "b'1'"]


@pytest.mark.parametrize("key", [True, None, float("nan"), {}])
def test_other_keys_are_refused(key: Any) -> None:
    with pytest.raises(StateError, match="a key must"):
        exact_key(key)
