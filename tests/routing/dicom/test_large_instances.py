"""Memory stays flat however large an instance is."""

import contextlib
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from routing.core.instance import OutgoingInstance
from routing.dicom.storage_scu import StorageAssociation
from tests.routing.dicom.peers import (
    CT_IMAGE,
    EXPLICIT,
    RawPeer,
    address,
    dataset,
    pdata,
    pdv,
    running_scp,
    store_command,
)

pytestmark = pytest.mark.integration

MEBIBYTE = 1 << 20
HEAD = dataset(pixels=0)
ZEROS = bytes(MEBIBYTE)


def transfer(folder: Path, mebibytes: int) -> None:
    """Send and receive one instance made of one mebibyte over and over, both sides in this process."""

    @contextlib.contextmanager
    def opened() -> Iterator[list[memoryview]]:
        yield [memoryview(HEAD)[:-4], memoryview(ZEROS)[:4], *[memoryview(ZEROS)] * mebibytes]

    with running_scp(folder) as scp:
        association = StorageAssociation.open(address(scp.port), [(CT_IMAGE, (EXPLICIT,))])
        result = association.send(OutgoingInstance(1, CT_IMAGE, "1.2.3", EXPLICIT, opened))
        association.release()
        assert result.status == 0, result
        stored = scp.next()
        assert stored.size - stored.dataset_offset == result.bytes_sent == len(HEAD) + mebibytes * MEBIBYTE
        scp.spool.discard(stored.id)


@pytest.mark.fault(33)
def test_200_mebibytes_need_no_more_memory_than_one(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import grown; grown({str(tmp_path)!r})"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout) < 16 * 1024, "KiB more"


def grown(folder: str) -> None:
    """Print by how many KiB the peak of memory grows from 1 to 200 MiB."""
    transfer(Path(folder), 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    transfer(Path(folder), 200)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


@pytest.mark.fault(33, "larger than the configured maximum")
def test_what_is_larger_than_the_limit_is_refused_as_that_and_nothing_is_kept(tmp_path: Path) -> None:
    content = dataset(pixels=(1 << 20) + 100_000)
    with running_scp(tmp_path, max_object_bytes=1 << 20) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        peer.send(store_command(), pdata(pdv(content[:900_000])), pdata(pdv(content[900_000:], control=2)))
        answer = peer.response()
        assert (answer.status, answer.comment) == (0xA700, "larger than 1 MiB")
        assert scp.files() == []
        peer.send(store_command(), pdata(pdv(dataset(), control=2)))
        assert peer.response().status == 0
    assert [(refused.status, refused.kept) for refused in scp.refused] == [(0xA700, False)]


def test_of_what_is_larger_than_twice_the_limit_people_hear_though_its_sender_gets_no_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running_scp(tmp_path, max_object_bytes=1 << 20) as scp:
        with RawPeer(scp.port) as peer:
            peer.associate()
            peer.send(store_command(), *(pdata(pdv(bytes(900_000))) for _ in range(3)))
            assert peer.abort_reason() == 0
        refused = scp.refused[0]
        assert (refused.status, refused.kept) == (0xA700, False)
        assert refused.reason == "larger than twice 1 MiB: its association was aborted"
        assert refused.instance.calling_ae_title == "RAW"
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [line.partition("is ")[2] for line in told] == ["aborted: a data set of more than 2097152 bytes"]
