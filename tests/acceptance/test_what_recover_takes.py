"""What ``recover`` makes a lost database anew from; by commands alone, with no process running."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.acceptance.router import Router, storage_node
from tests.fresh_database import put_fresh_database

pytestmark = pytest.mark.integration

STAMP = """
- Description: Stamps
  Script: dataset:Set('StationName', 'ROUTED')
"""
RECEIVE = """
from routing.core.identifiers import Identifiers
from routing.queue.spool import open_spool
from tests.builders import received
spool, new_id = open_spool(), Identifiers(tag=4)
for number in range(3):
    received(spool, identifier=new_id())
"""
QUEUE = """
from routing.engine.housekeeping.adopt import adopt
from routing.engine.directory import Directory
adopt(spool, Directory("CAPACITOR", "DCP_", age=0), since=None)
"""
KEEP = "from routing.backup.kept import keep_configuration; keep_configuration()"


def lose_the_database(router: Router) -> None:
    for path in router.data.glob("capacitor.sqlite3*"):
        path.unlink()


STAMP_ANEW = STAMP.replace("ROUTED", "MASKED")


def changed_since_the_backup(router: Router, folder: Path) -> None:
    """A backup, a change of the scripts after it, a received image, and no database any more."""
    router.configure(nodes=storage_node("PACS", 104), lua=STAMP)
    router.manage("backup", str(folder))
    long_ago = json.loads((folder / "MANIFEST.json").read_text()) | {"made_at": "2026-01-01T00:00:00+00:00"}
    (folder / "MANIFEST.json").write_text(json.dumps(long_ago))
    router.configure(nodes=storage_node("PACS", 104), lua=STAMP_ANEW)
    router.manage("shell", "-c", f"{RECEIVE}\n{KEEP}")
    lose_the_database(router)


def scripts(router: Router) -> list[tuple[str]]:
    return router.rows("SELECT script FROM scripts_app_luaentry")


def test_recover_takes_the_scripts_as_they_were_at_last_and_not_as_the_backup_has_them(make_router, tmp_path) -> None:
    router = make_router()
    changed_since_the_backup(router, tmp_path / "backup")
    done = router.manage("recover", check=False)
    assert not done.returncode, done.stderr
    assert "where nodes, senders or scripts have changed since" in done.stdout
    assert "changed since the backup: change  entry 1 'Stamps': Script" in done.stdout
    assert scripts(router) == [("dataset:Set('StationName', 'MASKED')",)]
    assert router.states() == {"New": 3}


def test_recover_from_a_named_backup_keeps_the_younger_scripts_beside_and_says_where(make_router, tmp_path) -> None:
    router = make_router()
    changed_since_the_backup(router, tmp_path / "backup")
    done = router.manage("recover", "--from", str(tmp_path / "backup"), check=False)
    assert not done.returncode, done.stderr
    assert scripts(router) == [("dataset:Set('StationName', 'ROUTED')",)]
    (beside,) = router.data.glob("configuration-*")
    assert f"import_config {beside} --plan" in done.stdout
    assert "MASKED" in (beside / "lua.yml").read_text()


def test_nothing_leaves_after_a_recovery_that_cannot_take_the_younger_scripts(make_router, tmp_path) -> None:
    router = make_router()
    changed_since_the_backup(router, tmp_path / "backup")
    (router.data / "configuration/lua.yml").write_text("- Script: dataset:Set(\n")
    done = router.manage("recover", check=False)
    assert not done.returncode, done.stderr
    assert "every node is paused, because they could not be taken: lua.yml:1" in done.stdout
    assert router.rows("SELECT ae_title, paused FROM routing_node") == [("PACS", 1)]


def test_tables_alone_are_no_database_that_images_may_be_taken_into(make_router, tmp_path) -> None:
    router = make_router()
    router.configure(nodes=storage_node("PACS", 104), lua=STAMP)
    router.manage("shell", "-c", RECEIVE)
    router.manage("backup", str(tmp_path / "backup"))
    lose_the_database(router)
    # As the manual of the systemd units has it for a new installation.
    put_fresh_database(router.data)
    refused = router.manage("preflight", check=False)
    assert refused.returncode and "the spool holds images: was it lost?" in refused.stderr
    done = router.manage("recover", check=False)
    assert not done.returncode, done.stderr
    assert list(router.data.glob("empty-*/capacitor.sqlite3"))
    assert router.rows("SELECT ae_title FROM routing_node") == [("PACS",)]
    assert router.states() == {"New": 3}
    assert not router.manage("preflight", check=False).returncode


def test_an_entry_for_a_node_that_was_deleted_does_not_keep_the_kept_configuration_from_coming_back(
    make_router,
) -> None:
    router = make_router()
    two_nodes = storage_node("PACS", 104) + storage_node("OLD", 104)
    router.configure(nodes=two_nodes, lua="- Script: dataset:Set('StationName', 'A')\n  AeTitles: [PACS, OLD]\n")
    router.manage(
        "shell", "-c", f"{RECEIVE}\nfrom routing.models import Node\nNode.objects.get(ae_title='OLD').delete()"
    )
    router.manage("shell", "-c", KEEP)
    lose_the_database(router)
    done = router.manage("recover", check=False)
    assert not done.returncode, done.stderr
    assert router.rows("SELECT ae_title FROM routing_node") == [("PACS",)]
    assert router.rows("SELECT ae_titles FROM scripts_app_luaentry") == [('["PACS", "OLD"]',)]
    assert router.states() == {"New": 3}


def test_a_recovery_begins_only_where_the_spool_is(make_router, tmp_path) -> None:
    router = make_router()
    router.configure(nodes=storage_node("PACS", 104), lua=STAMP)
    router.manage("shell", "-c", f"{RECEIVE}\n{QUEUE}")
    router.manage("backup", str(tmp_path / "backup"))
    database = router.data / "capacitor.sqlite3"
    database.write_bytes(b"damaged" * 1000)
    # As an unmounted file system leaves its mount point.
    spool, away = router.data / "spool", tmp_path / "away"
    spool.rename(away)
    spool.mkdir()
    refused = router.manage("recover", check=False)
    assert refused.returncode and "is its file system mounted?" in refused.stderr, refused.stdout + refused.stderr
    assert "--spool-is-lost" in refused.stderr
    assert database.read_bytes() == b"damaged" * 1000
    assert not list(spool.iterdir())
    spool.rmdir()
    away.rename(spool)
    done = router.manage("recover", check=False)
    assert not done.returncode, done.stderr
    assert router.states() == {"New": 3}


def test_a_spool_that_is_lost_with_the_database_is_told(make_router, tmp_path) -> None:
    router = make_router()
    router.configure(nodes=storage_node("PACS", 104), lua=STAMP)
    router.manage("shell", "-c", f"{RECEIVE}\n{QUEUE}")
    router.manage("backup", str(tmp_path / "backup"))
    lose_the_database(router)
    shutil.rmtree(router.data / "spool")
    done = router.manage("recover", "--spool-is-lost", check=False)
    assert not done.returncode, done.stderr
    assert "3 items failed: their files are missing from the spool" in done.stdout
    assert router.states() == {"Failed": 3}
