"""How nodes are reached over TLS: with the files as they are now, and without asking anybody."""

from pathlib import Path

import pytest

from routing.dicom.tls import WrongTlsFiles
from routing.dicom.verification import echo
from routing.engine.nodes.addresses import address_of
from routing.models import Node
from tests.routing.dicom.peers import running_scp
from tests.routing.dicom.test_tls import acceptor, certificate


def secured(port: int, ca: Path, own: tuple[Path, Path]) -> Node:
    files = {"tls_ca": str(ca), "tls_certificate": str(own[0]), "tls_key": str(own[1])}
    return Node(ae_title="PACS", host="127.0.0.1", port=port, tls=True, **files)


@pytest.mark.integration
def test_a_renewed_client_certificate_and_a_renewed_ca_count_from_the_next_association_on(tmp_path: Path) -> None:
    server, trusted = certificate(tmp_path / "server"), certificate(tmp_path / "trusted", name="CLIENT")
    stranger, own = certificate(tmp_path / "stranger"), certificate(tmp_path / "own", name="CLIENT")
    ca = tmp_path / "ca.pem"
    ca.write_bytes(stranger[0].read_bytes())
    with running_scp(tmp_path, tls=acceptor(server, trusted[0])) as scp:

        def answer() -> str:
            return echo(address_of(secured(scp.port, ca, own), "ME")).message

        assert "the certificate does not hold" in answer()
        ca.write_bytes(server[0].read_bytes())
        assert "closed the connection" in answer()
        for old, new in zip(own, trusted, strict=True):
            new.replace(old)
        assert "0x0000" in answer()


@pytest.mark.integration
def test_while_a_renewed_client_certificate_waits_for_its_key_the_last_ones_stay_in_force(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server, trusted = certificate(tmp_path / "server"), certificate(tmp_path / "trusted", name="CLIENT")
    own = certificate(tmp_path / "own", name="CLIENT")
    both = tmp_path / "clients.pem"
    both.write_bytes(trusted[0].read_bytes() + own[0].read_bytes())
    with running_scp(tmp_path, tls=acceptor(server, both)) as scp:

        def answer() -> str:
            return echo(address_of(secured(scp.port, server[0], own), "ME")).message

        assert "0x0000" in answer()
        trusted[0].replace(own[0])
        assert ["0x0000" in answer() for _ in range(3)] == [True] * 3
        assert [record.message.rpartition("; ")[2] for record in caplog.records] == ["the last ones stay in force"]
        trusted[1].replace(own[1])
        before = address_of(secured(scp.port, server[0], own), "ME").tls
        assert "0x0000" in answer()
        own[1].unlink()
        assert address_of(secured(scp.port, server[0], own), "ME").tls is before


def test_with_another_ca_nothing_of_the_past_stays_in_force(tmp_path: Path) -> None:
    server, stranger, own = (certificate(tmp_path / name) for name in ("server", "stranger", "own"))
    node = secured(104, server[0], own)
    address_of(node, "ME")
    own[1].unlink()
    stranger[0].replace(server[0])
    with pytest.raises(WrongTlsFiles, match="TLS files of node PACS"):
        address_of(node, "ME")


def test_a_key_that_needs_a_pass_phrase_is_told_and_the_terminal_is_not_asked(tmp_path: Path) -> None:
    own = certificate(tmp_path / "own", pass_phrase=b"secret")
    with pytest.raises(WrongTlsFiles, match=r"TLS files of node PACS .*key\.pem.*the key needs a pass phrase"):
        address_of(secured(104, own[0], own), "ME")
