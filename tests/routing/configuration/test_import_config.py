"""A directory becomes nodes and scripts, all of it or nothing."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from routing.models import AuditRecord, Node
from scripts_app.core.conditions.condition import Condition
from scripts_app.loader import ScriptCache, current
from scripts_app.models import LuaEntry, LuaLibrary
from scripts_app.revision import revision
from tests.builders import node, queue_item

pytestmark = pytest.mark.django_db

NODES = """\
- AeTitle: PACS
  HostName: pacs.example
  Port: 11113
  Aliases:
    - 000000
    - NO
  Impersonate: true
  TransferSyntax: JPEGLossless
  BatchSize: 0
  MinimumLineSpeed:
  Priority: 2
  SopClassPriorities:
    - 1.2.840.10008.5.1.4.1.1.2
    - default
  ProcessSchedule:
    - 22:00 - 06:00
  ProcessNetworks:
    - 10.1.0.0 / 255.255.0.0
    - 192.168.1.0
- AeTitle: AI_SERVER
  Port: 11114
  Enabled: false
  Paused: yes
  Tls: true
  TlsCa: ca.pem
  RetryAttempts: 3
- AeTitle: AI_SERVER
  NodeRole: queryretrieve
"""
LUA = """\
# rules of the site
- Description: Label
  Script: |
    dataset:Set('StationName', 'CT 1')
    print('done')
  Conditions:
    - Tag: 0008,0060
      MatchExpression: CT
    - MatchTag: 0010,0020
      MatchExpression: 000000
      Log: debug
    - Tag: 0008,1140
      SequenceItems:
        - Tag: 0008,1150
          MatchExpression: 1.2.840.10008.5.1.4.1.1.2
    - Tag: 0029,1010
      PrivateTagCreator: ACME
      MatchExpression: NO
      Search: false
- Script: scripts/route.lua
  AeTitles:
    - PACS
  OnError: fail
- Description: off
  Script: print(1)
  Enabled: false
"""
FILES = {
    "nodes.yml": NODES,
    "lua.yml": LUA,
    "scripts/route.lua": "route:Add('PACS')\n",
    "libs/phi.lua": "function strip(ds) end\r\n",
    ".git/hook.lua": "not this one",
}


def directory(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return root


def run(root: Path, *options: str) -> str:
    out = StringIO()
    call_command("import_config", str(root), *options, stdout=out)
    return out.getvalue()


def refuse(root: Path) -> list[str]:
    """The lines on stderr of an import that must fail, and change nothing."""
    before = (revision(), Node.objects.count(), AuditRecord.objects.count())
    err = StringIO()
    with pytest.raises(SystemExit) as stop:
        call_command("import_config", str(root), stdout=StringIO(), stderr=err)
    assert stop.value.code == 2
    assert (revision(), Node.objects.count(), AuditRecord.objects.count()) == before
    lines = err.getvalue().splitlines()
    assert lines[-1].endswith("nothing was changed")
    return lines[:-1]


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


def test_every_mistake_is_told_at_once_with_file_line_and_nearest_value(tmp_path: Path) -> None:
    nodes = "- AeTitel: PACS\n- AeTitle: PACS\n  Port: 0\n- AeTitle: PACS\n  TransferSyntax: JPEG2000Losless\n"
    lua = (
        "- Scrip: print(1)\n"
        "- Script: scripts/rout.lua\n"
        "  OnError: skipp\n"
        "- Script: print(1)\n"
        "  AeTitles:\n"
        "    - PACS\n"
        "    - PASC\n"
        "  Conditions:\n"
        "    - Tag: Modalty\n"
        "      MatchExpression: CT\n"
        "    - Tag: 0008,0060\n"
        "      MatchExpression: '[CT'\n"
    )
    files = {"nodes.yml": nodes, "lua.yml": lua, "scripts/route.lua": "", "config.yml": "filter: lua\nfilters: luaa\n"}
    lines = refuse(directory(tmp_path, files))
    expected = [
        "config.yml:1: config.yml has no key 'filter'; did you mean 'filters'?",
        "config.yml:2: filters names 'luaa', which is no filter; did you mean 'lua'?",
        "lua.yml:1: an entry has no key 'Scrip'; did you mean 'Script'?",
        "lua.yml:1: an entry needs a Script",
        "lua.yml:2: Script 'scripts/rout.lua' is not in the configuration directory; did you mean 'scripts/route.lua'?",
        "lua.yml:3: OnError is 'skipp'; it must be one of skip, fail; did you mean 'skip'?",
        "lua.yml:7: AeTitles names 'PASC', which is no Storage node; did you mean 'PACS'?",
        "lua.yml:9: Condition ",
        "lua.yml:11: Condition ",
        "nodes.yml:1: a node has no key 'AeTitel'; did you mean 'AeTitle'?",
        "nodes.yml:3: Port is 0; it must be from 1 to 65535, the nearest is 1",
        "nodes.yml:4: AeTitle 'PACS' with NodeRole Storage is on line 2 already",
        "nodes.yml:5: TransferSyntax 'JPEG2000Losless' is not a transfer syntax; did you mean JPEG2000Lossless?",
    ]
    assert len(lines) == len(expected), lines
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(start)
    assert "'Modality'" in lines[7] or "Modality" in lines[7]


WRONG = {
    "tab": ("nodes.yml", "- AeTitle: A\n\tPort: 1\n", "nodes.yml:2: not valid YAML"),
    "two documents": ("lua.yml", "- Script: print(1)\n---\n- Script: print(2)\n", "lua.yml:2: not valid YAML"),
    "not a list": ("nodes.yml", "AeTitle: A\n", "nodes.yml:1: nodes.yml must be a list"),
    "twice": ("nodes.yml", "- AeTitle: A\n  AeTitle: B\n", "nodes.yml:2: AeTitle is given twice in a node; the first"),
    "endless": ("lua.yml", "- &a\n  Conditions: [*a]\n", "lua.yml: not valid YAML: an anchor contains itself"),
    "text for a list": ("lua.yml", "- Script: print(1)\n  AeTitles: PACS\n", "lua.yml:2: AeTitles must be a list"),
    "flag": ("nodes.yml", "- AeTitle: A\n  Tls: maybe\n", "nodes.yml:2: Tls is 'maybe'; it must be true or false"),
    "number": ("nodes.yml", "- AeTitle: A\n  Port: 1e3\n", "nodes.yml:2: Port is '1e3'; it must be a whole number"),
    "AE title": ("nodes.yml", "- AeTitle: A\\B\n", "nodes.yml:1: AeTitle AE title 'A"),
    "endless AE title": ("nodes.yml", f"- AeTitle: {'A' * 65}\n", "nodes.yml:1: AeTitle AE title 'AAA"),
    "alias of odd characters": ("nodes.yml", f"- AeTitle: A\n  Aliases: [{'é' * 17}]\n", "nodes.yml:2: Aliases AE"),
    "schedule": ("nodes.yml", "- AeTitle: A\n  ProcessSchedule: [25:00 - 26:00]\n", "nodes.yml:2: ProcessSchedule"),
    "network": ("nodes.yml", "- AeTitle: A\n  ProcessNetworks: [x]\n", "nodes.yml:2: ProcessNetworks 'x' is not a"),
    "SOP class": ("nodes.yml", "- AeTitle: A\n  SopClassPriorities: [CTImageStorage]\n", "nodes.yml:2: SopClassPrior"),
    "half a certificate": ("nodes.yml", "- AeTitle: A\n  TlsCertificate: a.pem\n", "nodes.yml:1: TlsKey a client cert"),
    "alias": ("nodes.yml", "- AeTitle: A\n- AeTitle: B\n  Aliases: [A]\n", "nodes.yml:2: alias 'A' already means"),
    "own title": ("nodes.yml", "- AeTitle: CAPACITOR\n", "nodes.yml:1: AeTitle 'CAPACITOR' is the router's own"),
    "own title as alias": (
        "nodes.yml",
        "- AeTitle: A\n  Aliases: [CAPACITOR]\n",
        "nodes.yml:1: alias 'CAPACITOR' is the router's",
    ),
    "escape": ("lua.yml", "- Script: ../x.lua\n", "lua.yml:1: Script '../x.lua' must not contain '..'"),
    "absolute": ("lua.yml", "- Script: /etc/x.lua\n", "lua.yml:1: Script '/etc/x.lua' must be relative"),
    "two phases": (
        "lua.yml",
        "- Script: x()\n  Affects: [storage, worklist_query]\n",
        "lua.yml:2: Affects names several",
    ),
    "no Lua in a block": (
        "lua.yml",
        "- Description: d\n  Script: |\n    a = 1\n    b = = 2\n",
        "lua.yml:4: unexpected symbol near '='",
    ),
    "no Lua in a line": ("lua.yml", "-\n  Script: print(\n", "lua.yml:2: "),
    "search in items": (
        "lua.yml",
        "- Script: x()\n  Conditions:\n  - Tag: 0008,1140\n    Search: true\n    SequenceItems: [{Tag: '0008,1150'}]\n",
        "lua.yml:3: Condition ",
    ),
    "no tag": ("lua.yml", "- Script: x()\n  Conditions:\n  - MatchExpression: CT\n", "lua.yml:3: Condition "),
    "long description": ("lua.yml", f"- Script: x()\n  Description: {'x' * 201}\n", "lua.yml:1: description: Ensure"),
    "list of filters": ("config.yml", "filters:\n- lua\n", "config.yml:2: filters must be one text with commas"),
    "not UTF-8": ("lua.yml", "- Script: x()\n  Description: \udce4\n", "lua.yml:2: is not UTF-8: byte 0xE4"),
}


@pytest.mark.parametrize(("name", "text", "start"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_told_and_nothing_is_changed(tmp_path: Path, name: str, text: str, start: str) -> None:
    (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    lines = refuse(tmp_path)
    assert len(lines) >= 1
    assert lines[0].startswith(start), lines


def test_a_file_that_is_no_lua_is_a_mistake_as_a_script_and_a_remark_as_a_library(tmp_path: Path) -> None:
    directory(tmp_path, {**FILES, "libs/broken.lua": "x = 1\nfunction (\n"})
    assert "note    libs/broken.lua:2: " in run(tmp_path, "--plan")
    directory(tmp_path, {"scripts/route.lua": "x = 1\n\nfunction (\n"})
    assert refuse(tmp_path)[0].startswith("scripts/route.lua:3: ")


def test_route_targets_that_no_node_answers_to_are_remarked_as_far_as_the_text_shows_them(tmp_path: Path) -> None:
    script = """\
        -- route:Add('COMMENT')
        route:Add('PASC', function(ds) end)
        route:Add("DCP_PACS"); route:Add('000000'); route:Add(name)
        route:Add('AI_SERVER')
"""
    out = run(directory(tmp_path, {**FILES, "lua.yml": f"- Script: |\n{script}"}), "--plan")
    remarks = [line for line in out.splitlines() if line.startswith("note") and "route:Add" in line]
    assert remarks[0].startswith("note    lua.yml:3: route:Add('PASC') names no Storage node; did you mean 'PACS'?")
    assert remarks[1].startswith("note    lua.yml:5: route:Add('AI_SERVER') names a disabled node")
    assert len(remarks) == 2


def test_a_title_too_long_for_the_network_is_cut_and_scripts_keep_the_long_one(tmp_path: Path) -> None:
    """Example 6 of the Lua filter page routes to LARGE_STUDY_ARCHIVE, which has 19 characters."""
    files = {
        "nodes.yml": "- AeTitle: LARGE_STUDY_ARCHIVE\n",
        "lua.yml": "- Script: route:Add('LARGE_STUDY_ARCHIVE')\n  AeTitles: [LARGE_STUDY_ARCHIVE]\n",
    }
    out = run(directory(tmp_path, files))
    row = Node.objects.get()
    assert (row.ae_title, row.aliases) == ("LARGE_STUDY_ARCH", ["LARGE_STUDY_ARCHIVE"])
    assert current().entries[0].ae_titles == ("LARGE_STUDY_ARCH",)
    assert "the node is called 'LARGE_STUDY_ARCH', scripts may go on using the long name" in out
    assert "names no Storage node" not in out
    assert "nothing to change" in run(tmp_path)


def test_a_link_out_of_the_directory_is_refused_wherever_it_is(tmp_path: Path) -> None:
    outside = directory(tmp_path / "outside", {"secret.lua": "x = 1", "lua.yml": "[]"})
    inside = directory(tmp_path / "inside", FILES)
    (inside / "libs/link.lua").symlink_to(outside / "secret.lua")
    (inside / "folder").symlink_to(outside)
    (inside / "lua.yml").unlink()
    (inside / "lua.yml").symlink_to(outside / "lua.yml")
    assert refuse(inside) == [
        f"{name}: is a link to outside of the configuration directory"
        for name in ("folder", "libs/link.lua", "lua.yml")
    ]


def test_links_that_stay_inside_work_and_may_go_in_circles(tmp_path: Path) -> None:
    directory(tmp_path, FILES)
    (tmp_path / "libs/same.lua").symlink_to(tmp_path / "libs/phi.lua")
    (tmp_path / "libs/round").symlink_to(tmp_path)
    run(tmp_path)
    assert set(current().libraries) == {"libs/phi.lua", "libs/same.lua", "scripts/route.lua"}


def test_entries_for_queries_and_filters_other_than_lua_are_reported_and_left_out(tmp_path: Path) -> None:
    files = {
        "config.yml": "filters: route, lua\n",
        "lua.yml": "- Script: print(1)\n- Description: W\n  Script: print(2)\n  Affects:\n  - worklist_result\n",
        "routings.yml": "[]",
    }
    out = run(directory(tmp_path, files))
    assert "lua.yml:2: the entry 'W' affects queries, which are not handled: left out" in out
    assert "config.yml:1: filters: route are not handled; only lua runs here" in out
    assert "routings.yml is not handled: left out" in out
    assert [entry.script for entry in current().entries] == ["print(1)"]


@pytest.mark.parametrize("config", ["myAeTitle: X\n", "filters:\n", "filters: route\n"])
def test_entries_are_imported_disabled_when_the_filter_is_not_listed(tmp_path: Path, config: str) -> None:
    out = run(directory(tmp_path, {**FILES, "config.yml": config}))
    assert "filters does not list lua, so every entry of lua.yml is imported disabled" in out
    assert current().entries == () and LuaEntry.objects.count() == 3


def test_keys_of_config_yml_are_told_as_the_variables_to_set(tmp_path: Path) -> None:
    config = (
        "filters: lua\nmyAeTitle: ROUTER\nexpiryThreshold: 604800\ncycleRejectedFilesOnStartup: true\n"
        "minFreeSpace: 10\nfindScpPort: 1041\nexpiryThreshhold: 5\nbatchSize: 0\nconnectTimeoutSeconds: 0\n"
    )
    out = run(directory(tmp_path, {**FILES, "config.yml": config}))
    assert "config.yml:2: myAeTitle: set CAPACITOR_AE_TITLE=ROUTER (now CAPACITOR)" in out
    assert "config.yml:3: expiryThreshold: CAPACITOR_EXPIRY_SECONDS=604800 is set already" in out
    assert "config.yml:4: cycleRejectedFilesOnStartup: set CAPACITOR_RETRY_REJECTED_AT_START=1 (now 0)" in out
    assert "config.yml:5: minFreeSpace is a share of the disk; set CAPACITOR_MIN_FREE_MIB" in out
    assert "config.yml:6: findScpPort is not handled: no queries" in out
    assert "config.yml:7: expiryThreshhold is an old key without effect" in out
    assert "config.yml:8: batchSize: 0 is no limit there; nothing needs to be set" in out
    assert "config.yml:9: connectTimeoutSeconds: '0' is no value for CAPACITOR_CONNECT_SECONDS, which must be" in out
    assert "scpPort is not given, its default there: set CAPACITOR_DICOM_PORT=1040" in out


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
