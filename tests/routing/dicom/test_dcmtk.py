"""DCMTK's programs, which every hospital has somewhere, can send here and be sent to."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_files

from routing.dicom.contexts import plan
from routing.dicom.storage_scu import StorageAssociation
from routing.dicom.verification import echo
from tests.ports import free_port
from tests.routing.dicom.peers import PATIENCE, address, as_sent, bundled_instances, running_scp

pytestmark = pytest.mark.integration

SAMPLES = {
    "CT_small.dcm": "-xe",
    "MR_small_bigendian.dcm": "-xb",
    "image_dfl.dcm": "-xd",
    "JPEG2000.dcm": "-xw",
    "examples_ybr_color.dcm": "-xy",
    "MR_small_RLE.dcm": "-xr",
}
"""Files in as many transfer syntaxes, with the option that makes storescu propose it."""


def program(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is not installed: the dcmtk package is needed for these tests"
    return found


def sample(name: str) -> Path:
    return next(Path(path) for path in get_testdata_files(f"**/{name}") if Path(path).name == name)


def run(name: str, *arguments: str | Path) -> str:
    finished = subprocess.run(
        [program(name), *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 0, finished.stderr + finished.stdout
    return finished.stdout + finished.stderr


@contextlib.contextmanager
def storescp(folder: Path, *options: str) -> Iterator[int]:
    """DCMTK's Storage SCP, writing data sets exactly as received; its port."""
    port = free_port()
    process = subprocess.Popen(
        [program("storescp"), "-v", "+xa", "+B", "-od", str(folder), *options, str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "TCP_NODELAY": "1"},
    )
    try:
        for _ in range(10_000):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), PATIENCE).close()
                break
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


def test_echoscu_is_answered(tmp_path: Path) -> None:
    with running_scp(tmp_path) as scp:
        assert "Received Echo Response (Success)" in run("echoscu", "-v", "127.0.0.1", str(scp.port))


@pytest.mark.parametrize(("name", "option"), SAMPLES.items())
def test_what_storescu_sends_is_stored_element_for_element(tmp_path: Path, name: str, option: str) -> None:
    with running_scp(tmp_path) as scp:
        run("storescu", option, "127.0.0.1", str(scp.port), sample(name))
        stored = scp.next()
    received, original = dcmread(scp.spool.path(stored.id)), dcmread(sample(name))
    assert received.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID == stored.transfer_syntax_uid
    # storescu leaves out group lengths and trailing padding.
    assert [each for each in received if each.tag != 0xFFFCFFFC] == [
        each for each in original if each.tag.element and each.tag != 0xFFFCFFFC
    ]


def test_storescu_with_all_its_128_contexts_sends_many_images(tmp_path: Path) -> None:
    with running_scp(tmp_path) as scp:
        run("storescu", "-aet", "MODALITY", "--repeat", "50", "127.0.0.1", str(scp.port), sample("CT_small.dcm"))
        assert {scp.next().calling_ae_title for _ in range(50)} == {"MODALITY"}
        assert scp.stored.empty()


def test_storescu_that_aborts_or_sends_tiny_pdus_is_fine(tmp_path: Path) -> None:
    with running_scp(tmp_path, max_pdu=4096) as scp:
        run("storescu", "--abort", "--max-send-pdu", "4096", "127.0.0.1", str(scp.port), sample("CT_small.dcm"))
        assert scp.next().size > 30_000


def test_storescu_hears_that_there_is_no_room(tmp_path: Path) -> None:
    with running_scp(tmp_path, has_room=lambda: False) as scp:
        finished = subprocess.run(
            [program("storescu"), "-v", "127.0.0.1", str(scp.port), str(sample("CT_small.dcm"))],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Refused: OutOfResources" in finished.stdout + finished.stderr
        assert scp.files() == []


def test_storescp_gets_every_bundled_instance_byte_for_byte(tmp_path: Path) -> None:
    bundled = bundled_instances()
    # What ends inside an element is more than storescp takes.
    instances = {each.sop_instance_uid: each for name, each in bundled.items() if "truncated" not in name}
    wanted = [(each.sop_class_uid, (each.transfer_syntax_uid,)) for each in instances.values()]
    delivered = {}
    with storescp(tmp_path) as port:
        for contexts in plan(wanted):
            association = StorageAssociation.open(address(port), contexts)
            for uid, instance in instances.items():
                if association.accepts(instance.sop_class_uid, instance.transfer_syntax_uid):
                    result = association.send(instance)
                    assert result.status == 0, result
                    delivered[uid] = instance
            association.release()
    assert len(delivered) > 30
    files = [path.read_bytes() for path in tmp_path.iterdir()]
    for uid, instance in delivered.items():
        assert any(file.endswith(as_sent(instance)) for file in files), uid


@pytest.mark.parametrize(
    ("option", "said"),
    [("--refuse", "rejected the association"), ("--abort-after", "aborted by the node")],
)
def test_storescp_that_refuses_or_aborts_is_understood(tmp_path: Path, option: str, said: str) -> None:
    instance = bundled_instances()["CT_small.dcm"]
    with storescp(tmp_path, option) as port:
        if option == "--refuse":
            assert said in echo(address(port)).message
        else:
            association = StorageAssociation.open(
                address(port), [(instance.sop_class_uid, (instance.transfer_syntax_uid,))]
            )
            result = association.send(instance)
            assert result.status is None
            assert said in result.error


def test_storescp_answers_the_echo(tmp_path: Path) -> None:
    with storescp(tmp_path) as port:
        result = echo(address(port))
    assert result.ok
    assert result.message == f"ANY at 127.0.0.1 port {port} answered 0x0000 (Success)"
    assert result.latency_ms > 0
