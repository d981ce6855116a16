"""Association PDUs: an independent toolkit reads what is written here and writes what is read here."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from pynetdicom import build_context
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ, A_RELEASE_RP, A_RELEASE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
    UserIdentityNegotiation,
)

from routing.dicom.associate import (
    RELEASE_RP,
    RELEASE_RQ,
    Refusal,
    decode_accept,
    decode_request,
    encode_abort,
    encode_accept,
    encode_reject,
    encode_request,
    is_uid,
)
from routing.dicom.wire import WireError

CONTEXTS = [
    ("1.2.840.10008.5.1.4.1.1.2", ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")),
    ("1.2.3", ("1.2.840.10008.1.2",)),
]


def toolkit_request() -> bytes:
    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title, request.called_ae_title = "MODALITY 1", "ROUTER"
    proposed = [build_context(abstract, list(syntaxes)) for abstract, syntaxes in CONTEXTS]
    for number, context in enumerate(proposed):
        context.context_id = 2 * number + 1
    request.presentation_context_definition_list = proposed
    length, uid, name = (
        MaximumLengthNotification(),
        ImplementationClassUIDNotification(),
        ImplementationVersionNameNotification(),
    )
    length.maximum_length_received, uid.implementation_class_uid, name.implementation_version_name = (
        12345,
        "1.2.3.4",
        "TOOL",
    )
    role, user = SCP_SCU_RoleSelectionNegotiation(), UserIdentityNegotiation()
    role.sop_class_uid, role.scu_role, role.scp_role = "1.2.3", False, True
    user.user_identity_type, user.primary_field = 1, b"someone"
    request.user_information = [length, uid, name, role, user]
    return bytes(A_ASSOCIATE_RQ(request).encode())


def test_a_toolkits_request_is_understood_with_everything_it_negotiates() -> None:
    request = decode_request(toolkit_request()[6:], "10.0.0.1")
    assert (request.calling_ae_title, request.called_ae_title, request.peer_address) == (
        "MODALITY 1",
        "ROUTER",
        "10.0.0.1",
    )
    assert [(each.context_id, each.abstract_syntax, each.transfer_syntaxes) for each in request.contexts] == [
        (1, *CONTEXTS[0]),
        (3, *CONTEXTS[1]),
    ]
    assert request.max_pdu == 12345


def test_a_toolkit_understands_the_request() -> None:
    pdu = A_ASSOCIATE_RQ()
    pdu.decode(encode_request("ME", "THEM", CONTEXTS, 4096))
    assert (pdu.calling_ae_title, pdu.called_ae_title) == ("ME", "THEM")
    assert [
        (each.context_id, each.abstract_syntax, tuple(each.transfer_syntax)) for each in pdu.presentation_context
    ] == [
        (1, *CONTEXTS[0]),
        (3, *CONTEXTS[1]),
    ]
    assert pdu.user_information.maximum_length == 4096


def test_a_toolkit_understands_the_acceptance() -> None:
    encoded = encode_accept(
        decode_request(toolkit_request()[6:], ""), [(1, 0, "1.2.840.10008.1.2.1"), (3, 3, "1.2.840.10008.1.2")], 131072
    )
    pdu = A_ASSOCIATE_AC()
    pdu.decode(encoded)
    assert [(each.context_id, each.result) for each in pdu.presentation_context] == [(1, 0), (3, 3)]
    assert pdu.presentation_context[0].transfer_syntax == "1.2.840.10008.1.2.1"
    assert (pdu.user_information.maximum_length, pdu.called_ae_title) == (131072, "ROUTER")
    accepted = decode_accept(encoded[6:])
    assert (dict(accepted.transfer_syntaxes), accepted.max_pdu) == ({1: "1.2.840.10008.1.2.1"}, 131072)


@pytest.mark.parametrize(("refusal", "result"), [(Refusal(1, 7, ""), 1), (Refusal(3, 2, "", transient=True), 2)])
def test_a_toolkit_understands_the_rejection(refusal: Refusal, result: int) -> None:
    pdu = A_ASSOCIATE_RJ()
    pdu.decode(encode_reject(refusal))
    assert (pdu.result, pdu.source, pdu.reason_diagnostic) == (result, refusal.source, refusal.reason)


def test_release_and_abort_are_those_of_the_toolkit() -> None:
    assert A_RELEASE_RQ().encode() == RELEASE_RQ
    assert A_RELEASE_RP().encode() == RELEASE_RP
    pdu = A_ABORT_RQ()
    pdu.decode(encode_abort(2))
    assert (pdu.source, pdu.reason_diagnostic) == (2, 2)
    pdu.decode(encode_abort(2, by_user=True))
    assert (pdu.source, pdu.reason_diagnostic) == (0, 0)


@pytest.mark.fault(13)
@settings(max_examples=200, deadline=None)
@given(some.data())
def test_spoilt_requests_are_wire_errors_and_nothing_else(data: some.DataObject) -> None:
    body = bytearray(toolkit_request()[6:])
    for _ in range(data.draw(some.integers(1, 4))):
        body[data.draw(some.integers(0, len(body) - 1))] = data.draw(some.integers(0, 255))
    body = body[: data.draw(some.integers(0, len(body)))]
    for decode in (lambda: decode_request(bytes(body), ""), lambda: decode_accept(bytes(body))):
        with contextlib.suppress(WireError):
            decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, True) for text in ("1.2.840.10008.1.2", "2.25.0", "1.02", "1" * 64)),
        *((text, False) for text in ("", "1.", ".1", "1..2", "1.2\n", "1.2 ", "../1", "1" * 65, "1.\u0662")),
    ],
)
def test_what_is_a_uid(text: str, expected: bool) -> None:
    assert is_uid(text) is expected
