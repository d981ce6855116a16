"""Who may call, and what stays in force while the database is away."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from routing.core.ae_title import Meaning
from routing.engine import directory
from routing.engine.directory import Directory, read_snapshot, refusal
from routing.models import KnownSender
from tests.builders import node

pytestmark = pytest.mark.django_db


def sender(ae_title: str = "CT_1", network: str = "", **columns: Any) -> None:
    KnownSender.objects.create(ae_title=ae_title, network=network, **columns)


def knows(ae_title: str, address: str) -> bool:
    return read_snapshot("CAPACITOR", "DCP_").knows(ae_title, address)


def why(calling: str = "CT_1", called: str = "PACS", address: str = "192.0.2.7", *, anybody: bool = False) -> Any:
    return refusal(read_snapshot("CAPACITOR", "DCP_"), calling, called, address, anybody=anybody)


@pytest.mark.parametrize(
    ("network", "bound"), [("192.0.2.7", True), ("192.0.2.7/32", True), ("192.0.2.0/24", False), ("", False)]
)
def test_only_who_was_allowed_from_exactly_one_address_is_bound_to_it(network: str, bound: bool) -> None:
    """It is spared when others behind that address guess titles; a whole network or anywhere would spare guessers."""
    sender("CT_1", network)
    snapshot = read_snapshot("CAPACITOR", "DCP_")
    assert snapshot.binds("CT_1", "192.0.2.7") is bound
    assert not snapshot.binds("CT_1", "192.0.2.8") and not snapshot.binds("CT_2", "192.0.2.7")


def broken(*_: Any, **__: Any) -> Any:
    raise OperationalError("the database is away")


@pytest.mark.parametrize(
    ("network", "address", "known"),
    [
        ("", "192.0.2.7", True),
        ("", "not an address", True),
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("192.0.2.0/24", "192.0.2.8", True),
        ("192.0.2.9/24", "192.0.2.8", True),
        ("192.0.2.0/24", "192.0.3.8", False),
        ("192.0.2.0/24", "::ffff:192.0.2.8", True),
        ("192.0.2.0/24", "not an address", False),
        ("192.0.2.0/24", "2001:db8::1", False),
        ("2001:db8::/32", "2001:db8::1", True),
    ],
)
def test_a_sender_is_known_from_its_network(network: str, address: str, known: bool) -> None:
    sender("CT_1", network)
    assert knows("CT_1", address) is known


def test_a_sender_may_have_several_networks() -> None:
    sender("CT_1", "192.0.2.0/24")
    sender("CT_1", "198.51.100.4")
    assert [knows("CT_1", a) for a in ("192.0.2.1", "198.51.100.4", "198.51.100.5")] == [True, True, False]


def test_strangers_and_disabled_senders_are_not_known() -> None:
    sender("CT_1", enabled=False)
    assert not knows("CT_1", "192.0.2.7")
    assert not knows("CT_2", "192.0.2.7")


def test_a_network_that_no_form_has_checked_keeps_out_nobody_but_its_sender() -> None:
    sender("CT_1", "not a network")
    sender("CT_2")
    assert not knows("CT_1", "192.0.2.7")
    assert knows("CT_2", "192.0.2.7")


def test_a_known_sender_may_call_nodes_and_the_router_itself() -> None:
    node("PACS", paused=True)
    sender()
    assert why() is None
    assert why(called="CAPACITOR") is None


@pytest.mark.parametrize(
    ("called", "words"),
    [
        ("PACS1", "called AE title 'PACS1' means no node; nearest is 'PACS'"),
        ("ZZZZ", "called AE title 'ZZZZ' means no node"),
        ("OFF", "called AE title 'OFF' means a disabled node"),
        ("WORKLIST", "called AE title 'WORKLIST' means no node"),
    ],
)
def test_a_wrong_called_title_is_refused_whoever_calls(called: str, words: str) -> None:
    node("PACS")
    node("OFF", enabled=False)
    node("WORKLIST", role="Worklist")
    assert why("STRANGER", called) == ("called", words)
    assert why("STRANGER", called, anybody=True) == ("called", words)


def test_a_stranger_is_refused_unless_everybody_may_send() -> None:
    node("PACS")
    assert why("STRANGER") == ("calling", "calling AE title 'STRANGER' at 192.0.2.7 is not a known sender")
    assert why("STRANGER", anybody=True) is None


def test_a_snapshot_is_read_again_when_it_is_old() -> None:
    always_new, kept = Directory("CAPACITOR", "DCP_", age=0), Directory("CAPACITOR", "DCP_", age=3600)
    assert always_new.resolve("PACS").meaning is kept.resolve("PACS").meaning is Meaning.UNKNOWN
    node("PACS", process_delay=1500)
    assert always_new.resolve("PACS").meaning is Meaning.NODE
    assert kept.resolve("PACS").meaning is Meaning.UNKNOWN
    assert list(always_new.current().delays.values()) == [timedelta(milliseconds=1500)]


def test_while_the_database_is_away_the_last_snapshot_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    node("PACS")
    known = Directory("CAPACITOR", "DCP_", age=0)
    known.current()
    monkeypatch.setattr(directory, "read_snapshot", broken)
    assert known.resolve("PACS").meaning is Meaning.NODE
    with pytest.raises(OperationalError):
        Directory("CAPACITOR", "DCP_").current()


def test_while_one_waits_for_the_database_the_others_go_on_with_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    node("PACS")
    known = Directory("CAPACITOR", "DCP_", age=0)
    before = known.current()
    monkeypatch.setattr(directory, "read_snapshot", broken)
    with known._lock:
        assert known.current() is before
