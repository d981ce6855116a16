"""TLS on both sides: whoever is silent or unknown fails alone, in words, and never falls back to plain text."""

import socket
import ssl
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from routing.dicom.association_failures import AssociationFailed, FailureKind
from routing.dicom.storage_scu import StorageAssociation
from routing.dicom.verification import echo
from tests.routing.dicom.peers import CT_IMAGE, EXPLICIT, RawPeer, address, dataset, outgoing, running_scp

pytestmark = pytest.mark.integration


def certificate(
    folder: Path,
    days: int = 1,
    *,
    name: str = "127.0.0.1",
    ca: tuple[Path, Path] | None = None,
    pass_phrase: bytes = b"",
) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key; signed by itself, or by a CA that this has made, too."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    signing = key
    if ca is not None:
        issuer = x509.load_pem_x509_certificate(ca[0].read_bytes()).subject
        loaded = serialization.load_pem_private_key(ca[1].read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        signing = loaded
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=ca is None, path_length=None), critical=True)
        # Without these OpenSSL tells two certificates of one name apart by nothing, and may compare with the wrong one.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .sign(signing, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    locked = serialization.BestAvailableEncryption(pass_phrase) if pass_phrase else serialization.NoEncryption()
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    )
    return folder / "certificate.pem", folder / "key.pem"


def acceptor(made: tuple[Path, Path], clients: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*made)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    return context


def requestor(trusted: Path, own: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(trusted))
    if own is not None:
        context.load_cert_chain(*own)
    return context


def test_a_large_instance_goes_through_with_certificates_on_both_sides(tmp_path: Path) -> None:
    server, client = certificate(tmp_path / "server"), certificate(tmp_path / "client")
    content = dataset(pixels=3_000_000)
    with running_scp(tmp_path, tls=acceptor(server, client[0])) as scp:
        node = address(scp.port, tls=requestor(server[0], client))
        association = StorageAssociation.open(node, [(CT_IMAGE, (EXPLICIT,))])
        assert association.send(outgoing(content)).status == 0
        assert association.send(outgoing(content)).status == 0
        association.release()
        assert scp.dataset(scp.next()) == content


@pytest.mark.fault(19)
@pytest.mark.fault(20)
def test_silent_and_plain_text_peers_do_not_hold_up_others(tmp_path: Path) -> None:
    server = certificate(tmp_path / "server")
    with running_scp(tmp_path, tls=acceptor(server), acse_timeout=0.5) as scp:
        silent = [RawPeer(scp.port) for _ in range(8)]
        with RawPeer(scp.port) as plain:
            plain.send(b"\x01\0\0\0\0\x04abcdefghijkl")
            assert plain.is_closed() or plain.socket.fileno() > 0
        assert echo(address(scp.port, tls=requestor(server[0]))).ok
        for peer in silent:
            with peer:
                assert peer.is_closed()


def refused_client(scp_port: int, context: ssl.SSLContext) -> str:
    """How the handshake of such a client ends."""
    with socket.create_connection(("127.0.0.1", scp_port), 10) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
                connection.sendall(b"\x01\0")
                # With TLS 1.3 a client hears of its refusal only when it reads.
                return "closed" if not connection.recv(1) else "let in"
        except OSError as error:
            return type(error).__name__


EXPIRED, NOT_TRUSTED = (
    "the certificate does not hold: it has expired",
    "the certificate does not hold: it is not trusted",
)


@pytest.mark.fault(20)
@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("no certificate", "PEER_DID_NOT_RETURN_A_CERTIFICATE"),
        ("expired, of the trusted CA", EXPIRED),
        ("expired, trusted itself, its successor too", EXPIRED),
        ("self-signed", NOT_TRUSTED),
        ("of another CA", NOT_TRUSTED),
        ("of another CA of the same name", NOT_TRUSTED),
        ("TLS 1.1", "UNSUPPORTED_PROTOCOL"),
    ],
)
def test_a_client_that_may_not_is_refused_with_its_reason_and_the_next_is_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, who: str, why: str, seen: Callable[[str], None]
) -> None:
    server = certificate(tmp_path / "server")
    ca = certificate(tmp_path / "ca", name="Hospital CA")
    client = certificate(tmp_path / "client", name="CT", ca=ca)
    alone, successor = certificate(tmp_path / "alone", -1, name="MR"), certificate(tmp_path / "successor", name="MR")
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(b"".join(pem.read_bytes() for pem, _ in (ca, successor, alone)))
    other = certificate(tmp_path / "other", name="Other CA")
    same_name = certificate(tmp_path / "same_name", name="Hospital CA")
    own = {
        "no certificate": None,
        "expired, of the trusted CA": certificate(tmp_path / "expired", -1, name="CT", ca=ca),
        "expired, trusted itself, its successor too": alone,
        "self-signed": certificate(tmp_path / "stranger", name="CT"),
        "of another CA": certificate(tmp_path / "foreign", name="CT", ca=other),
        "of another CA of the same name": certificate(tmp_path / "impostor", name="CT", ca=same_name),
        "TLS 1.1": client,
    }
    context = requestor(server[0], own[who])
    if who == "TLS 1.1":
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    accepting = acceptor(server, trusted)
    accepting.minimum_version = ssl.TLSVersion.TLSv1_2
    with running_scp(tmp_path, tls=accepting) as scp:
        assert refused_client(scp.port, context) != "let in"
        assert echo(address(scp.port, tls=requestor(server[0], client))).ok
    told = [r.getMessage() for r in caplog.records if "connection from 127.0.0.1 refused" in r.getMessage()]
    assert len(told) == 1 and why in told[0]
    seen(f"{who}: {told[0].removeprefix('connection from 127.0.0.1 ')}")


@pytest.mark.fault(107)
@pytest.mark.parametrize("days", [1, -1])
def test_a_certificate_that_does_not_hold_is_told_and_there_is_no_fall_back(tmp_path: Path, days: int) -> None:
    server = certificate(tmp_path / "server", days)
    trusted = server[0] if days < 0 else certificate(tmp_path / "other")[0]
    with running_scp(tmp_path, tls=acceptor(server)) as scp:
        with pytest.raises(AssociationFailed, match="the certificate does not hold") as failure:
            StorageAssociation.open(address(scp.port, tls=requestor(trusted)), [(CT_IMAGE, (EXPLICIT,))])
        assert failure.value.kind is FailureKind.TLS
        assert ("it has expired" if days < 0 else "it is not trusted") in str(failure.value)


def test_tls_to_a_plain_node_fails_as_tls(tmp_path: Path) -> None:
    with running_scp(tmp_path, acse_timeout=1) as scp:
        with pytest.raises(AssociationFailed) as failure:
            StorageAssociation.open(
                address(scp.port, tls=ssl.create_default_context(), acse_timeout=3), [(CT_IMAGE, (EXPLICIT,))]
            )
        assert failure.value.kind is FailureKind.TLS


def test_an_idle_tls_association_ends_when_the_service_stops(tmp_path: Path) -> None:
    server = certificate(tmp_path / "server")
    with running_scp(tmp_path, tls=acceptor(server)) as scp:
        association = StorageAssociation.open(address(scp.port, tls=requestor(server[0])), [(CT_IMAGE, (EXPLICIT,))])
        scp.scp.stop(10)
        result = association.send(outgoing(dataset()))
        assert result.status is None
