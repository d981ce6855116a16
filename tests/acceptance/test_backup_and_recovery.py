"""Backups made under load, put back elsewhere; databases damaged and lost, made anew from the spool."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.acceptance.peers import Receiver, Sample, sample
from tests.acceptance.router import Router, storage_node, until
from tests.acceptance.test_killed_at_any_moment import CT, EXPLICIT, Modality
from tests.images import image, write
from tests.ports import free_port

pytestmark = pytest.mark.integration

STAMP = """
- Description: Stamps
  Script: dataset:Set('StationName', 'ROUTED')
"""
QUICK = ("RetryInitial: 1", "RetryLimit: 1")


KILLED_BEHIND_THE_DATABASE = """
import os
from pathlib import Path
from routing.backup import restore
restore.call_command = lambda *_, **__: os._exit(9)
restore.restore(Path('{}'), pause=True)
"""


def samples(folder: Path, count: int) -> list[Sample]:
    found = [sample(write(image("CT", number), folder / f"i{number}.dcm")) for number in range(1, count + 1)]
    return [one for one in found if one is not None]


def with_waiting(router: Router, port: int, images: list[Sample]) -> None:
    """A running router whose node is down, so that everything it takes waits."""
    router.configure(nodes=storage_node("PACS", port, *QUICK), lua=STAMP)
    router.start()
    modality = Modality(images, router.dicom_port)
    modality.start()
    modality.join(120)
    assert len(modality.acknowledged) == len(images)
    until(lambda: router.states().get("Prepared") == len(images), 60, "all are prepared")


def arrives(router: Router, receiver: Receiver, images: list[Sample]) -> None:
    router.start()
    wanted = {one.sop_instance_uid for one in images}
    until(lambda: receiver.uids() >= wanted, 120, "everything acknowledged arrives")
    assert all(b"ROUTED" in copy for copies in receiver.received.values() for copy in copies)


def test_a_backup_under_load_put_back_elsewhere_delivers_all_that_was_acknowledged_before(
    make_router, tmp_path
) -> None:
    images = samples(tmp_path, 120)
    receiver = Receiver([(CT, EXPLICIT)])
    here, there = make_router(), make_router()
    here.configure(nodes=storage_node("PACS", receiver.port, "MaxAssociations: 1", *QUICK), lua=STAMP)
    here.start()
    modality = Modality(images, here.dicom_port)
    modality.start()
    modality.wait_for(30)
    before = set(modality.acknowledged)
    done = here.manage("backup", str(tmp_path / "backup"), check=False)
    assert not done.returncode, done.stderr
    assert "verified" in done.stdout
    modality.join(120)
    assert len(modality.acknowledged) == len(images)
    again = here.manage("backup", str(tmp_path / "backup"), check=False)
    assert again.returncode and "is not empty; a backup never overwrites anything" in again.stderr
    here.end()

    manifest = json.loads((tmp_path / "backup/MANIFEST.json").read_text())
    assert sum(manifest["states"].values()) > 0
    known = (tmp_path / "backup/SHA256SUMS").read_text()
    assert {"capacitor.sqlite3", "configuration/nodes.yml", "secret_key"} <= {line[66:] for line in known.splitlines()}
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
    done = there.manage("restore", str(tmp_path / "backup"), check=False)
    assert not done.returncode, done.stderr
    assert (there.data / "secret_key").read_text() == (here.data / "secret_key").read_text()
    refused = there.manage("restore", str(tmp_path / "backup"), check=False)
    assert refused.returncode and "nothing is overwritten" in refused.stderr
    try:
        there.start()
        until(lambda: not there.waiting(), 120, "nothing waits")
        assert there.stop() == 0
    finally:
        receiver.stop()
    uids = {uid for (uid,) in there.rows("SELECT sop_instance_uid FROM routing_queueitem WHERE state = 'Delivered'")}
    assert uids >= before
    assert receiver.uids() >= set(modality.acknowledged)


def test_a_backup_that_was_changed_is_not_restored(make_router, tmp_path) -> None:
    router, other = make_router(), make_router()
    with_waiting(router, free_port(), samples(tmp_path, 3))
    assert router.stop() == 0
    router.manage("backup", str(tmp_path / "backup"))
    victim = next((tmp_path / "backup/spool").rglob("*.dcm"))
    content = bytearray(victim.read_bytes())
    content[-1] ^= 1
    victim.write_bytes(content)
    refused = other.manage("restore", str(tmp_path / "backup"), check=False)
    assert refused.returncode and f"{victim.name} is not the file that was backed up" in refused.stderr
    assert not list((other.data / "spool").rglob("*.dcm")) if (other.data / "spool").exists() else True
    (tmp_path / "backup/MANIFEST.json").unlink()
    refused = other.manage("restore", str(tmp_path / "backup"), check=False)
    assert "is no finished backup: it has no MANIFEST.json" in refused.stderr


@pytest.mark.fault(89, "the middle of the file is overwritten; a backup from before is known")
def test_on_a_damaged_database_nothing_starts_and_recover_makes_the_queue_anew(make_router, tmp_path, seen) -> None:
    images = samples(tmp_path, 24)
    receiver = Receiver([(CT, EXPLICIT)])
    router = make_router()
    try:
        # Prepared before the backup, and received after it.
        with_waiting(router, free_port(), images[:12])
        refused = router.manage("recover", check=False)
        assert refused.returncode and "the router is running here" in refused.stderr
        router.manage("backup", str(tmp_path / "backup"))
        more = Modality(images[12:], router.dicom_port)
        more.start()
        more.join(60)
        assert len(more.acknowledged) == 12
        assert router.stop() == 0
        assert "nothing to recover" in router.manage("recover", check=False).stderr
        damage(router.data / "capacitor.sqlite3")
        spool = listing(router.data / "spool")
        for command in (("up",), ("dicom_listener",), ("queue_worker",), ("preflight",)):
            refused = router.manage(*command, check=False)
            assert refused.returncode and "run manage.py recover" in refused.stderr, (command, refused.stderr)
            assert "Traceback" not in refused.stderr
        assert listing(router.data / "spool") == spool
        done = router.manage("recover", check=False)
        assert not done.returncode, done.stderr
        assert "the database that was there is kept in" in done.stdout
        assert "not made again: " in done.stdout
        router.manage("import_config", str(configuration(router, receiver.port)))
        arrives(router, receiver, images)
        until(lambda: router.states() == {"Delivered": 24}, 60, "all are delivered")
        seen(
            "up, dicom_listener, queue_worker and preflight refuse and name recover; 24 of 24 images delivered after it"
        )
    finally:
        receiver.stop()


@pytest.mark.fault(89, "the file is gone, and there has never been a backup")
def test_a_lost_database_comes_back_from_the_spool_and_the_kept_configuration(make_router, tmp_path, seen) -> None:
    images = samples(tmp_path, 10)
    receiver = Receiver([(CT, EXPLICIT)])
    router = make_router()
    try:
        with_waiting(router, free_port(), images)
        until(lambda: (router.data / "configuration/lua.yml").exists(), 60, "housekeeping keeps the configuration")
        assert router.stop() == 0
        for name in ("capacitor.sqlite3", "capacitor.sqlite3-wal", "capacitor.sqlite3-shm"):
            (router.data / name).unlink(missing_ok=True)
        refused = router.manage("up", check=False)
        assert refused.returncode and "the spool holds images: was it lost?" in refused.stderr
        done = router.manage("recover", "--pause", check=False)
        assert not done.returncode, done.stderr
        assert "10 files of the spool have rows again" in done.stdout
        assert router.rows("SELECT ae_title, paused FROM routing_node") == [("PACS", 1)]
        router.manage("import_config", str(configuration(router, receiver.port)))
        router.manage("shell", "-c", "from routing.models import Node; Node.objects.update(paused=False)")
        arrives(router, receiver, images)
        seen("10 of 10 images delivered with the scripts of the kept configuration")
    finally:
        receiver.stop()


def test_without_any_configuration_images_wait_at_paused_nodes(make_router, tmp_path) -> None:
    router = make_router()
    with_waiting(router, free_port(), samples(tmp_path, 3))
    assert router.stop() == 0
    for path in (*router.data.glob("capacitor.sqlite3*"), router.data / "configuration"):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    assert "go on with --without-configuration" in router.manage("recover", check=False).stderr
    done = router.manage("recover", "--without-configuration")
    assert "paused nodes made from called AE titles: PACS" in done.stdout
    assert "not made again: scripts" in done.stdout
    assert router.rows("SELECT ae_title, paused FROM routing_node") == [("PACS", 1)]
    assert router.states() == {"New": 3}


def configuration(router: Router, port: int) -> Path:
    """The node is back, under another port."""
    folder = router.folder / "configuration"
    (folder / "nodes.yml").write_text(storage_node("PACS", port, *QUICK))
    return folder


def damage(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 3)
        file.write(os.urandom(size // 3))


def listing(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*.dcm"))


def test_a_restore_with_paused_nodes_that_is_killed_leaves_none_that_is_sent_to(make_router, tmp_path) -> None:
    here, there = make_router(), make_router()
    here.manage("migrate", "--noinput")
    here.manage("shell", "-c", "from routing.models import Node; Node.objects.create(ae_title='PACS')")
    here.manage("backup", str(tmp_path / "backup"))
    done = there.manage("shell", "-c", KILLED_BEHIND_THE_DATABASE.format(tmp_path / "backup"), check=False)
    assert done.returncode == 9, done.stderr
    assert there.rows("SELECT ae_title, paused FROM routing_node") == [("PACS", 1)]
