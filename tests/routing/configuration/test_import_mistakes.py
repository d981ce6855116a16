"""What is wrong or odd in a directory is told with its place, and nothing is changed by it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from routing.models import Node
from scripts_app.loader import current
from tests.routing.configuration.importing import FILES, directory, refuse, run

pytestmark = pytest.mark.django_db


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
    "node by an anchor": (
        "nodes.yml",
        "- &a\n  AeTitle: A\n- *a\n",
        "nodes.yml:1: AeTitle 'A' with NodeRole Storage is",
    ),
    "nodes on a line": (
        "nodes.yml",
        "[{AeTitle: A}, {AeTitle: A}]\n",
        "nodes.yml:1: AeTitle 'A' with NodeRole Storage",
    ),
    "senders on a line": (
        "senders.yml",
        "[{AeTitle: A}, {AeTitle: A}]\n",
        "senders.yml:1: AeTitle 'A' from anywhere is",
    ),
    "half a character": (
        "nodes.yml",
        '- AeTitle: A\n  Description: "\\uD83D"\n',
        "nodes.yml:2: Description has half a",
    ),
    "half a character of code": ("lua.yml", '- Script: "x() -- \\uD83D"\n', "lua.yml:1: Script has half a character"),
    "name of a file": ("\udce4.lua", "", "'\\udce4.lua': has a name that is not UTF-8"),
    "endless": ("lua.yml", "- &a\n  Conditions: [*a]\n", "lua.yml: not valid YAML: an anchor contains itself"),
    "text for a list": ("lua.yml", "- Script: print(1)\n  AeTitles: PACS\n", "lua.yml:2: AeTitles must be a list"),
    "flag": ("nodes.yml", "- AeTitle: A\n  Tls: maybe\n", "nodes.yml:2: Tls is 'maybe'; it must be true or false"),
    "number": ("nodes.yml", "- AeTitle: A\n  Port: 1e3\n", "nodes.yml:2: Port is '1e3'; it must be a whole number"),
    "AE title": ("nodes.yml", "- AeTitle: A\\B\n", "nodes.yml:1: AeTitle AE title 'A"),
    "endless AE title": ("nodes.yml", f"- AeTitle: {'A' * 65}\n", "nodes.yml:1: AeTitle AE title 'AAA"),
    "alias of odd characters": ("nodes.yml", f"- AeTitle: A\n  Aliases: [{'é' * 17}]\n", "nodes.yml:2: Aliases AE"),
    "schedule": ("nodes.yml", "- AeTitle: A\n  ProcessSchedule: [25:00 - 26:00]\n", "nodes.yml:2: ProcessSchedule"),
    "host": ("nodes.yml", "- AeTitle: A\n  HostName: pacs..example\n", "nodes.yml:2: HostName 'pacs..example' is no"),
    "host of two words": ("nodes.yml", "- AeTitle: A\n  HostName: a b\n", "nodes.yml:2: HostName 'a b' is neither"),
    "delays": (
        "nodes.yml",
        "- AeTitle: A\n  RetryInitial: 60\n  RetryLimit: 30\n",
        "nodes.yml:3: RetryLimit must be at least the first delay, 60 seconds",
    ),
    "first delay alone": ("nodes.yml", "- AeTitle: A\n  RetryInitial: 700\n", "nodes.yml:1: RetryLimit must be at"),
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


def test_an_include_that_would_fail_is_remarked(tmp_path: Path) -> None:
    """Files of Windows are found in whatever case; here the entry is skipped, and the image leaves as it came."""
    files = {
        **FILES,
        "lua.yml": "- Script: |\n    -- include('comment.lua')\n    include('libs/phi.lua'); include('LIBS/phi.lua')\n",
        "libs/phi.lua": "include 'libs/more.lua'\ninclude(name)\n",
    }
    out = run(directory(tmp_path, files), "--plan")
    assert [line for line in out.splitlines() if "include: " in line] == [
        "note    lua.yml:3: include: there is no library 'LIBS/phi.lua'; did you mean 'libs/phi.lua'?",
        "note    libs/phi.lua:1: include: there is no library 'libs/more.lua'; did you mean 'libs/phi.lua'?",
    ]


def test_places_that_mean_a_time_of_day_are_named_with_the_zone_that_they_mean(tmp_path: Path, settings: Any) -> None:
    settings.CAPACITOR = replace(settings.CAPACITOR, time_zone="Europe/Berlin")
    files = {
        "nodes.yml": "- AeTitle: DAY\n- AeTitle: NIGHT\n  ProcessSchedule: [22:00 - 06:00]\n",
        "lua.yml": "- Script: print(os.date('!%H'), os.time()) -- os.date('%H')\n"
        "- Script: |\n    x = 1\n    y = os.date('%H')\n",
        "libs/clock.lua": "function at(t) return os.time {year = t, month = 1, day = 1} end",
    }
    out = run(directory(tmp_path, files), "--plan")
    assert (
        "note    ProcessSchedule (nodes.yml:2) and os.date and os.time (lua.yml:4, libs/clock.lua:1): in the zone"
        " CAPACITOR_TIME_ZONE (now Europe/Berlin); the product uses that of its machine" in out
    )
    (tmp_path / "libs/clock.lua").unlink()
    (tmp_path / "nodes.yml").write_text("- AeTitle: DAY\n")
    (tmp_path / "lua.yml").write_text("- Script: print(os.date('!%H'), os.time())\n")
    assert "CAPACITOR_TIME_ZONE" not in run(tmp_path, "--plan")


def test_a_transfer_syntax_that_nothing_here_writes_is_remarked(tmp_path: Path) -> None:
    syntaxes = ("JPEGProcess14SV1", "JPEG2000Lossless", "", "ImplicitVRLittleEndian", "JPEGProcess1")
    nodes = "".join(f"- AeTitle: N{at}\n  TransferSyntax: {syntax}\n" for at, syntax in enumerate(syntaxes))
    files = {"nodes.yml": nodes, "config.yml": "filters: lua\ndefaultTransferSyntax: JPEG2000Lossy\n"}
    remarks = [line for line in run(directory(tmp_path, files)).splitlines() if "are Rejected" in line]
    assert [line.split(":")[:3] for line in remarks] == [
        ["note    nodes.yml", "10", " TransferSyntax JPEGProcess1"],
        ["note    config.yml", "2", " defaultTransferSyntax JPEG2000Lossy"],
    ]
    written = "JPEG2000Lossless, JPEGLSLossless, JPEGLossless, JPEGProcess14, RLELossless"
    assert f"no lossless encoder for it, only for {written}" in remarks[0]


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
