"""A directory becomes nodes and scripts, all of it or nothing."""

from pathlib import Path

import pytest

from routing.models import AuditRecord, Node
from routing.nodes.titles import title_book
from scripts_app.core.conditions.condition import Condition
from scripts_app.loader import ScriptCache, current
from scripts_app.models import LuaEntry, LuaLibrary
from scripts_app.revision import revision
from tests.builders import node, queue_item
from tests.routing.configuration.importing import FILES, directory, refuse, run

pytestmark = pytest.mark.django_db


def test_every_field_of_nodes_yml_arrives_and_text_stays_text(tmp_path: Path) -> None:
    run(directory(tmp_path, FILES))
    pacs = Node.objects.get(ae_title="PACS")
    assert (pacs.host, pacs.port, pacs.role, pacs.aliases) == ("pacs.example", 11113, "Storage", ["000000", "NO"])
    assert (pacs.impersonate, pacs.transfer_syntax, pacs.priority) == (True, "JPEGLossless", 2)
    assert (pacs.batch_size, pacs.minimum_line_speed) == (0, None)
    assert pacs.sop_class_priorities == ["1.2.840.10008.5.1.4.1.1.2", "default"]
    assert pacs.process_schedule == ["22:00 - 06:00"]
    assert pacs.process_networks == ["10.1.0.0 / 255.255.0.0", "192.168.1.0"]
    ai = Node.objects.get(ae_title="AI_SERVER", role="Storage")
    assert (ai.host, ai.enabled, ai.paused, ai.tls, ai.tls_ca) == ("127.0.0.1", False, True, True, "ca.pem")
    assert (ai.retry_attempts, ai.retry_initial) == (3, 10)
    assert Node.objects.filter(ae_title="AI_SERVER", role="QueryRetrieve").exists()


def test_entries_conditions_and_files_arrive_in_order(tmp_path: Path) -> None:
    run(directory(tmp_path, FILES))
    label, route = current().entries
    assert label.script == "dataset:Set('StationName', 'CT 1')\nprint('done')\n"
    assert label.conditions == (
        Condition("0008,0060", "CT"),
        Condition("0010,0020", "000000"),
        Condition("0008,1140", sequence_items=(Condition("0008,1150", "1.2.840.10008.5.1.4.1.1.2"),)),
        Condition("0029,1010", "NO", private_tag_creator="ACME"),
    )
    assert (route.chunk, route.script, route.ae_titles, route.on_error) == (
        "scripts/route.lua",
        "route:Add('PACS')\n",
        ("PACS",),
        "fail",
    )
    assert current().libraries == {"libs/phi.lua": "function strip(ds) end\n", "scripts/route.lua": route.script}
    assert LuaEntry.objects.get(enabled=False).description == "off"


def test_the_plan_alone_changes_nothing(tmp_path: Path) -> None:
    out = run(directory(tmp_path, FILES), "--plan")
    assert "add     node PACS (Storage): pacs.example:11113" in out
    assert "add     entry 1 'Label': when 0008,0060 CT" in out
    assert "add     file libs/phi.lua" in out
    assert "planned, not applied" in out
    assert not Node.objects.exists() and not LuaEntry.objects.exists() and not AuditRecord.objects.exists()


def test_the_plan_says_that_unknown_senders_are_refused_here_and_how_to_allow_them(tmp_path: Path) -> None:
    out = run(directory(tmp_path, FILES), "--plan")
    assert "the product takes images from anybody; this router refuses senders it does not know" in out
    assert "CAPACITOR_ACCEPT_UNKNOWN_SENDERS=1" in out


def test_the_same_directory_again_changes_nothing(tmp_path: Path) -> None:
    run(directory(tmp_path, FILES))
    before = revision(), list(LuaEntry.objects.values_list("id", "updated_at"))
    assert "nothing to change" in run(tmp_path)
    assert (revision(), list(LuaEntry.objects.values_list("id", "updated_at"))) == before
    assert AuditRecord.objects.filter(action="import configuration").count() == 1


def test_import_replaces_what_is_there_and_says_so(tmp_path: Path) -> None:
    run(directory(tmp_path, FILES))
    label = LuaEntry.objects.get(description="Label").id
    changed = {
        "nodes.yml": "- AeTitle: PACS\n  Port: 104\n- AeTitle: NEW\n",
        "lua.yml": "- Script: print(2)\n- Description: Label\n  Script: print(3)\n  AeTitles: [NEW]\n",
        "libs/phi.lua": "-- other\n",
    }
    (tmp_path / "scripts/route.lua").unlink()
    out = run(directory(tmp_path, changed))
    assert "change  node PACS (Storage): HostName pacs.example -> 127.0.0.1, Port 11113 -> 104" in out
    assert "remove  node AI_SERVER (Storage)" in out
    assert "remove  file scripts/route.lua" in out
    assert "change  file libs/phi.lua" in out
    assert "change  entry 2 'Label': Script, Conditions, AeTitles nothing -> [\"NEW\"]" in out
    assert "remove  entry 'scripts/route.lua'" in out
    assert [entry.script for entry in current().entries] == ["print(2)", "print(3)"]
    assert LuaEntry.objects.get(description="Label").id == label
    assert list(LuaLibrary.objects.values_list("path", flat=True)) == ["libs/phi.lua"]


def test_entries_that_change_places_keep_their_rows(tmp_path: Path) -> None:
    first, second = "- Description: a\n  Script: print(1)\n", "- Description: b\n  Script: print(2)\n"
    run(directory(tmp_path, {"lua.yml": first + second}))
    rows = dict(LuaEntry.objects.values_list("description", "id"))
    out = run(directory(tmp_path, {"lua.yml": second + first}))
    assert "change  entry 2 'a': order" in out
    assert list(LuaEntry.objects.values_list("description", "id")) == [("b", rows["b"]), ("a", rows["a"])]


@pytest.mark.parametrize("state", ["New", "Prepared", "Failed", "Rejected", "Expired"])
def test_a_node_that_items_wait_for_is_disabled_instead_of_removed(tmp_path: Path, state: str) -> None:
    queue_item(state, node=node("OLD"))
    out = run(directory(tmp_path, FILES))
    assert "disable node OLD (Storage): not removed: 1 images in the queue are for it" in out
    assert Node.objects.get(ae_title="OLD").enabled is False
    assert "node OLD (Storage) stays, disabled" in run(tmp_path)


RENAMED = "- AeTitle: NIGHT3\n  Aliases: [NIGHTLY, NIGHT]\n- AeTitle: WL\n  NodeRole: Worklist\n  Aliases: [MINE]\n"


@pytest.mark.parametrize("enabled", [True, False])
def test_a_node_that_is_disabled_gives_up_the_aliases_that_another_gets(tmp_path: Path, enabled: bool) -> None:
    queue_item(node=node("NIGHT", aliases=["NIGHTLY", "MINE"], enabled=enabled))
    out = run(directory(tmp_path, {"nodes.yml": RENAMED}))
    step = "disable node NIGHT (Storage): not removed: 1 images in the queue are for it"
    if not enabled:
        step = "change  node NIGHT (Storage): stays, disabled: 1 images in the queue are for it"
    assert f"{step}; its aliases NIGHTLY go to another node" in out
    assert "note    node NIGHT (Storage) keeps its AE title: calls for NIGHT are refused until it is removed" in out
    assert Node.objects.get(ae_title="NIGHT").aliases == ["MINE"]
    assert Node.objects.get(ae_title="NIGHT").enabled is False
    titles = title_book()
    assert (titles.resolve("NIGHTLY").ae_title, titles.resolve("MINE").ae_title) == ("NIGHT3", "NIGHT")
    again = run(tmp_path)
    assert "nothing to change" in again
    assert "node NIGHT (Storage) stays, disabled: 1 images in the queue are for it" in again


def test_a_node_that_only_history_names_is_removed(tmp_path: Path) -> None:
    item = queue_item("Delivered", node=node("OLD"))
    run(directory(tmp_path, FILES))
    item.refresh_from_db()
    assert item.node is None and item.destination_ae_title == "OLD"


def test_a_running_worker_sees_the_new_scripts(tmp_path: Path) -> None:
    cache = ScriptCache()
    assert cache.get().entries == ()
    run(directory(tmp_path, FILES))
    assert len(cache.get().entries) == 2


def test_a_missing_file_leaves_its_part_alone_and_says_so(tmp_path: Path) -> None:
    run(directory(tmp_path, FILES))
    (tmp_path / "lua.yml").unlink()
    assert "lua.yml is missing" in run(tmp_path)
    assert len(current().entries) == 2
    (tmp_path / "nodes.yml").unlink()
    assert refuse(tmp_path) == [f"{tmp_path}: has none of config.yml, nodes.yml, senders.yml and lua.yml"]


@pytest.mark.parametrize("config", ["myAeTitle: X\n", "filters:\n", "filters: route\n"])
def test_entries_are_imported_disabled_when_the_filter_is_not_listed(tmp_path: Path, config: str) -> None:
    out = run(directory(tmp_path, {**FILES, "config.yml": config}))
    assert "filters does not list lua, so every entry of lua.yml is imported disabled" in out
    assert current().entries == () and LuaEntry.objects.count() == 3


def test_keys_of_config_yml_are_told_as_the_variables_to_set(tmp_path: Path) -> None:
    config = (
        "filters: lua\nmyAeTitle: ROUTER\nexpiryThreshold: 604800\ncycleRejectedFilesOnStartup: true\n"
        "minFreeSpace: 10\nfindScpPort: 1041\nexpiryThreshhold: 5\nbatchSize: 0\nconnectTimeoutSeconds: 0\n"
        "echoInterval: 30\naeTitlePrefix: ''\n"
    )
    out = run(directory(tmp_path, {**FILES, "config.yml": config}))
    assert "config.yml:2: myAeTitle: set CAPACITOR_AE_TITLE=ROUTER (now CAPACITOR)" in out
    assert "config.yml:3: expiryThreshold: CAPACITOR_EXPIRY_SECONDS=604800 is set already" in out
    assert "config.yml:4: cycleRejectedFilesOnStartup: set CAPACITOR_RETRY_REJECTED_AT_START=1 (now 0)" in out
    assert "config.yml:5: minFreeSpace is a share of the disk; set CAPACITOR_MIN_FREE_MIB" in out
    assert "config.yml:6: findScpPort is not handled: no queries" in out
    assert "config.yml:7: expiryThreshhold is an old key without effect" in out
    assert "config.yml:8: batchSize: 0 is no limit there; nothing needs to be set" in out
    assert "config.yml:9: connectTimeoutSeconds: 0 is the limit of the operating system there; CAPACITOR_CONN" in out
    assert "config.yml:10: echoInterval set CAPACITOR_ECHO_SECONDS" in out
    assert "config.yml:11: aeTitlePrefix: an empty CAPACITOR_AE_TITLE_PREFIX means its default (now DCP_)" in out
    assert "scpPort is not given, its default there: set CAPACITOR_DICOM_PORT=1040" in out


def test_what_only_the_product_means_by_0_or_does_unasked_is_told(tmp_path: Path) -> None:
    """To set the port to 0 would have let a listener take any; rejected files are tried again there at each start."""
    out = run(directory(tmp_path, {**FILES, "config.yml": "filters: lua\nscpPort: 0\nstallThresholdSeconds: ten\n"}))
    assert "config.yml:2: scpPort: 0 is no listener there; set CAPACITOR_LISTENERS=0" in out
    assert "stallThresholdSeconds: 'ten' is no value for CAPACITOR_STALL_SECONDS, which must be" in out
    assert (
        "cycleRejectedFilesOnStartup is not given, its default there: set CAPACITOR_RETRY_REJECTED_AT_START=1 (now 0)"
    ) in out


def test_a_path_that_is_no_directory_is_one_clear_line(tmp_path: Path) -> None:
    assert refuse(tmp_path / "nowhere") == [f"{tmp_path / 'nowhere'}: is not a directory"]


@pytest.mark.parametrize("step", ["scripts_app.models.LuaEntry.save", "routing.configuration.apply.audit"])
def test_an_import_that_breaks_halfway_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(step, broken)
    with pytest.raises(RuntimeError):
        run(directory(tmp_path, FILES))
    assert not Node.objects.exists() and not LuaLibrary.objects.exists() and not AuditRecord.objects.exists()
