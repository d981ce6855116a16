"""Whoever guesses AE titles is put off, learns nothing, and keeps nobody else out."""

import pytest

from routing.dicom.associate import AssociationRequest, Refusal, decode_request, encode_request
from routing.engine.directory import Directory
from routing.engine.receiving.admission import Admission
from routing.engine.receiving.guessing import MOST_WRONG, WITHIN, Guesses
from routing.models import AuditRecord, KnownSender, UnknownSender
from tests.builders import node

GUESSER, OTHER = "192.0.2.66", "192.0.2.7"


def request(calling: str, called: str, address: str) -> AssociationRequest:
    sent = encode_request(calling, called, [("1.2.840.10008.1.1", ("1.2.840.10008.1.2",))], 16384)
    return decode_request(sent[6:], address)


def accepted(answer: Refusal | str | None) -> bool:
    return not isinstance(answer, Refusal)


def test_one_mistake_repeated_for_ever_is_no_guessing() -> None:
    guesses = Guesses()
    assert not any(guesses.refused(GUESSER, ("CT_1", "PCAS")) for _ in range(1000))
    assert not guesses.puts_off(GUESSER, ("CT_1", "PACS"))


def test_after_its_time_an_address_is_heard_again() -> None:
    now = [0.0]
    guesses = Guesses(lambda: now[0])
    began = [guesses.refused(GUESSER, ("X", f"TRY{n}")) for n in range(MOST_WRONG)]
    assert began == [False] * (MOST_WRONG - 1) + [True]
    assert guesses.puts_off(GUESSER, ("X", "PACS"))
    now[0] = WITHIN + 1
    assert not guesses.puts_off(GUESSER, ("X", "PACS"))


def test_mistakes_of_long_ago_do_not_count() -> None:
    now = [0.0]
    guesses = Guesses(lambda: now[0])
    for n in range(MOST_WRONG * 3):
        now[0] += WITHIN / 10
        assert not guesses.refused(GUESSER, ("X", f"TRY{n}"))


def test_addresses_that_come_and_go_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routing.engine.receiving.guessing._MOST_ADDRESSES", 10)
    guesses = Guesses()
    for n in range(100):
        guesses.refused(f"192.0.2.{n}", ("X", "Y"))
        guesses.accepted(f"192.0.2.{n}", ("X", "Y"))
    assert len(guesses._wrong) == len(guesses._accepted) == 10


@pytest.mark.django_db
@pytest.mark.fault(18)
def test_a_thousand_guesses_get_twenty_answers_and_nobody_else_is_kept_out(
    caplog: pytest.LogCaptureFixture, seen
) -> None:
    node("PACS")
    for title in ("CT_1", "MR_1"):
        KnownSender.objects.create(ae_title=title)
    admit = Admission(Directory("CAPACITOR", "DCP_", age=3600), anybody=False)
    assert accepted(admit(request("MR_1", "PACS", GUESSER))), "a modality behind the same address"
    answers = [admit(request("CT_1", f"GUESS{n}", GUESSER)) for n in range(1000)]
    told = [answer for answer in answers if (answer.source, answer.reason) == (1, 7)]
    assert len(told) == MOST_WRONG
    right = admit(request("CT_1", "PACS", GUESSER))
    assert (right.source, right.reason, right.transient) == (3, 1, True), (
        "the right titles are answered like wrong ones"
    )
    assert accepted(admit(request("MR_1", "PACS", GUESSER)))
    assert accepted(admit(request("CT_1", "PACS", OTHER)))
    KnownSender.objects.create(ae_title="XA_1", network=GUESSER)
    admit._directory._snapshot = None
    assert accepted(admit(request("XA_1", "PACS", GUESSER))), "somebody has allowed it from exactly there"
    assert [(r.actor, r.action, r.object) for r in AuditRecord.objects.all()] == [
        ("listener", "AE titles guessed", GUESSER)
    ]
    assert f"AE titles are being guessed from {GUESSER}" in caplog.text
    seen(f"1,000 guesses: {len(told)} answered, the rest put off alike, right or wrong; an alert; others are served")


@pytest.mark.django_db
@pytest.mark.fault(16)
def test_a_known_title_from_a_wrong_address_is_an_alert_the_first_time() -> None:
    node("PACS")
    KnownSender.objects.create(ae_title="CT_1", network="192.0.2.0/28")
    admit = Admission(Directory("CAPACITOR", "DCP_", age=3600), anybody=False)
    for _ in range(3):
        refusal = admit(request("CT_1", "PACS", "203.0.113.5"))
        assert (refusal.source, refusal.reason) == (1, 3)
    admit(request("STRANGER", "PACS", "203.0.113.5"))
    record = AuditRecord.objects.get()
    assert (record.action, record.object, record.detail) == (
        "known sender, wrong address",
        "CT_1",
        {"address": "203.0.113.5"},
    )
    assert UnknownSender.objects.get(ae_title="CT_1").count == 3


@pytest.mark.django_db
def test_a_sender_of_ours_that_calls_no_node_is_noted_and_a_stranger_learns_and_leaves_nothing() -> None:
    node("PACS")
    node("OLD", enabled=False)
    KnownSender.objects.create(ae_title="CT_1", network="192.0.2.0/28")
    admit = Admission(Directory("CAPACITOR", "DCP_", age=3600), anybody=False)
    ours = [("CT_1", "PACSS", OTHER), ("CT_1", "PACSS", OTHER), ("CT_1", "OLD", OTHER)]
    for calling, called, address in [*ours, ("CT_1", "PACSS", GUESSER), ("XX", "PACSS", OTHER)]:
        refusal = admit(request(calling, called, address))
        assert (refusal.source, refusal.reason) == (1, 7)
    noted = UnknownSender.objects.order_by("count").values_list("ae_title", "address", "called_ae_title", "count")
    assert list(noted) == [("CT_1", OTHER, "OLD", 1), ("CT_1", OTHER, "PACSS", 2)]
