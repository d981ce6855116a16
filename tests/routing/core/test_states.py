"""The table of states says everything: what is in it happens, what is not cannot."""

import itertools

import pytest

from routing.core.states import (
    FINAL_STATES,
    QUEUE_STATES,
    TRANSITIONS,
    WISHES,
    ImpossibleTransition,
    QueueEvent,
    QueueState,
    next_state,
    sources,
)

S, E = QueueState, QueueEvent

EXPECTED = {
    S.NEW: {
        E.PREPARED: S.PREPARED,
        E.DROPPED: S.DROPPED,
        E.DEFERRED: S.NEW,
        E.GAVE_UP: S.FAILED,
        E.OUTLIVED: S.EXPIRED,
        E.FAILED_BY_OPERATOR: S.FAILED,
        E.REJECTED_BY_OPERATOR: S.REJECTED,
        E.TRY_NOW: S.NEW,
        E.DELETED_BY_OPERATOR: S.DROPPED,
    },
    S.PREPARED: {
        E.DELIVERED: S.DELIVERED,
        E.DEFERRED: S.PREPARED,
        E.REFUSED: S.REJECTED,
        E.GAVE_UP: S.FAILED,
        E.OUTLIVED: S.EXPIRED,
        E.PREPARE_AGAIN: S.NEW,
        E.FAILED_BY_OPERATOR: S.FAILED,
        E.REJECTED_BY_OPERATOR: S.REJECTED,
        E.REDIRECTED: S.PREPARED,
        E.TRY_NOW: S.PREPARED,
        E.DELETED_BY_OPERATOR: S.DROPPED,
    },
    S.FAILED: {
        E.PREPARE_AGAIN: S.NEW,
        E.SEND_AGAIN: S.PREPARED,
        E.OUTLIVED: S.EXPIRED,
        E.REJECTED_BY_OPERATOR: S.REJECTED,
        E.REDIRECTED: S.PREPARED,
        E.DELETED_BY_OPERATOR: S.DROPPED,
        E.REPLAYED: S.FAILED,
    },
    S.REJECTED: {
        E.PREPARE_AGAIN: S.NEW,
        E.SEND_AGAIN: S.PREPARED,
        E.OUTLIVED: S.EXPIRED,
        E.FAILED_BY_OPERATOR: S.FAILED,
        E.REDIRECTED: S.PREPARED,
        E.DELETED_BY_OPERATOR: S.DROPPED,
        E.REPLAYED: S.REJECTED,
    },
    S.EXPIRED: {
        E.PREPARE_AGAIN: S.NEW,
        E.SEND_AGAIN: S.PREPARED,
        E.REDIRECTED: S.PREPARED,
        E.DELETED_BY_OPERATOR: S.DROPPED,
        E.REPLAYED: S.EXPIRED,
    },
    S.DELIVERED: {E.SEND_AGAIN: S.PREPARED, E.REPLAYED: S.DELIVERED},
    S.DROPPED: {E.PREPARE_AGAIN: S.NEW, E.REPLAYED: S.DROPPED},
}
"""Decision D3, and what operators may do, state by state."""


@pytest.mark.parametrize(("state", "event"), list(itertools.product(QueueState, QueueEvent)))
def test_every_state_and_event_leads_where_the_decisions_say_or_nowhere(state: QueueState, event: QueueEvent) -> None:
    expected = EXPECTED[state].get(event)
    if expected is not None:
        assert next_state(state, event) is expected
    else:
        with pytest.raises(ImpossibleTransition, match=f"{event} means nothing for an item that is {state}"):
            next_state(state, event)


@pytest.mark.parametrize("event", list(QueueEvent))
def test_sources_are_all_states_in_which_an_event_means_something(event: QueueEvent) -> None:
    assert sources(event) == tuple(state for state in QueueState if event in EXPECTED[state])


def test_the_queue_and_what_has_left_it_are_all_states_and_share_none() -> None:
    assert set(QUEUE_STATES) | set(FINAL_STATES) == set(QueueState)
    assert not set(QUEUE_STATES) & set(FINAL_STATES)


@pytest.mark.parametrize("state", list(WISHES))
def test_a_wish_brings_an_item_into_the_state_that_it_is_named_by(state: QueueState) -> None:
    assert {next_state(source, WISHES[state]) for source in sources(WISHES[state])} == {state}


def test_every_state_can_be_reached_and_only_expiry_and_the_end_leave_the_queue() -> None:
    assert set(TRANSITIONS.values()) == set(QueueState)
    moves = {(event, to) for (state, event), to in TRANSITIONS.items() if to is not state}
    ends = {event for event, to in moves if to in FINAL_STATES}
    assert ends == {E.DELIVERED, E.DROPPED, E.DELETED_BY_OPERATOR}
    assert {event for event, to in moves if to is S.EXPIRED} == {E.OUTLIVED}
    stays = {event for (state, event), to in TRANSITIONS.items() if to is state}
    assert stays == {E.DEFERRED, E.TRY_NOW, E.REDIRECTED, E.REPLAYED}
