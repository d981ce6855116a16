"""Strict mode: outcomes as in the shared process; a script crashes only its own, and cannot read the router's files."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from routing.engine.preparing.script_messages import NotOurs, answer, decode, encode, outcome_of, said_of, told
from routing.engine.preparing.script_process import ScriptUser, script_user
from routing.engine.watching.strays import end_strays
from routing.models import ItemLogLine, PrepareReport, QueueItem, ScopedState
from scripts_app.core.lua.limits import Limits
from tests.builders import ct_image, lua_entry, node
from tests.routing.engine.preparing.preparation import Preparation, copies_of, item
from tests.scripts_app.core.builders import run

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

NOBODY = pwd.getpwnam("nobody")
SCRIPT = """
    study.n = (study.n or 0) + 1
    print(study.n, queue:count('New'), node:stats('AI').success, file.sourceAeTitle)
    for _, found in ipairs(queue:findByState('New')) do print(found.sopInstanceUID) end
    log:warn('told')
    dataset:Set('StationName', 'ROUTED')
    route:Add('AI', function(ds) ds:Set('PatientName', 'NOBODY') end)
"""


def prepare(folder: Path, *, apart: bool = True, user: ScriptUser | None = None, seconds: float = 1) -> Preparation:
    work = Preparation(folder)
    limits = Limits(seconds=seconds, memory_bytes=64 << 20)
    work.preparer._settings = replace(work.preparer._settings, apart=apart, script_user=user, limits=limits)
    work.preparer._tidy = lambda: end_strays()
    return work


def lines(identifier: int) -> list[str]:
    return list(ItemLogLine.objects.filter(item_id=identifier).order_by("id").values_list("text", flat=True))


def story(work: Preparation) -> list[Any]:
    """All that is kept of one preparation, without what differs from run to run."""
    original = work.prepared(ct_image())
    copy = copies_of(original)["AI"]
    report = PrepareReport.objects.filter(item=original).latest("id")
    return [
        (original.state, original.last_error, bytes(original.recipe or b"")[-40:], copy.patient_name),
        (report.verdict, report.entries, report.routes, report.outputs),
        [line for line in lines(original.id) if "." not in line],
        ScopedState.objects.get(scope="study").values,
    ]


def test_the_outcome_of_a_process_of_its_own_is_that_of_the_shared_one(tmp_path: Path) -> None:
    node("PACS")
    node("AI")
    lua_entry(SCRIPT)
    shared = story(prepare(tmp_path / "a", apart=False))
    QueueItem.objects.all().delete()
    ScopedState.objects.all().delete()
    assert story(prepare(tmp_path / "b")) == shared
    assert shared[0][0] == "Prepared" and shared[0][3] == "NOBODY"


ENDS = {
    "abort": (
        "package.loadlib('libc.so.6', '*') package.loadlib('libc.so.6', 'abort')()",
        "the script crashed (signal 6) the process that ran it",
    ),
    "a pattern": (
        "local s = ('a'):rep(40) s:find(('a*'):rep(20) .. 'b')",
        "script exceeded its limit of 0.5 s",
    ),
    "an unknown node": ("route:Add('NOWHERE')", ""),
}


@pytest.mark.fault(60, "in a process of its own, which the preparing process outlives")
@pytest.mark.fault(51, "in a process of its own")
@pytest.mark.parametrize(("script", "words"), ENDS.values(), ids=ENDS)
def test_what_ends_a_script_s_process_fails_its_image_and_nothing_else(tmp_path: Path, script: str, words: str) -> None:
    node("PACS")
    lua_entry(f"if dataset:Get('PatientID') == 'BAD' then print('so far') {script} end")
    work = prepare(tmp_path, seconds=0.5)
    bad, good = work.image(ct_image(PatientID="BAD")), work.image(ct_image())
    assert work.step() == 2
    assert item(good).state == "Prepared"
    # What it wrote tells why (D7).
    assert lines(bad)[0] == "so far"
    if words:
        assert (item(bad).state, item(bad).last_error) == ("Failed", f"entry 1: {words}")
        report = PrepareReport.objects.get(item_id=bad)
        assert [(entry["status"], entry["reason"]) for entry in report.entries] == [("error", words)]
        assert report.script_version is not None
    else:
        assert any("no Storage node has the AE title 'NOWHERE'" in line for line in lines(bad))


def as_nobody() -> ScriptUser:
    if os.geteuid():
        pytest.skip("only root may become another user")
    return ScriptUser(NOBODY.pw_uid, NOBODY.pw_gid, "/")


def test_what_does_not_end_behind_the_last_entry_is_not_said_to_be_its_doing(tmp_path: Path) -> None:
    node("PACS")
    lua_entry("setmetatable({}, {__gc = function() while true do end end})")
    lua_entry("print('runs for nobody')", ae_titles=["NOBODY"])
    failed = prepare(tmp_path, seconds=0.5).prepared(ct_image())
    assert (failed.state, failed.last_error) == ("Failed", "script exceeded its limit of 0.5 s")
    # The page says that nobody could tell which entry it was.
    assert PrepareReport.objects.get(item=failed).entries == []


@pytest.mark.fault(64, "another image's file and the database, as a user of its own")
@pytest.mark.fault(65, "the received file, its folder and the spool, as a user of its own")
@pytest.mark.fault(63, "the key that signs sessions, and the parent's environment under /proc, as a user of its own")
def test_a_script_with_a_user_of_its_own_can_read_and_remove_nothing_of_the_router(
    tmp_path: Path, seen: Callable[[str], None]
) -> None:
    node("PACS")
    work = prepare(tmp_path, user=as_nobody(), seconds=5)
    tmp_path.chmod(0o755)
    other = work.image(ct_image(PatientName="OTHER^PATIENT"))
    secret = tmp_path / "secret_key"
    secret.write_text("signing-secret")
    secret.chmod(0o600)
    path = work.spool.path(other)
    lua_entry(f"""
        print(io.open('{path}'))
        print(io.open('{secret}'))
        print(os.remove('{path}'))
        print(os.rename('{work.spool.root}', '{tmp_path}/away'))
        print(io.open('/proc/{os.getpid()}/environ'))
        print(io.popen('id -u'):read('n'))
        local open = 0
        for fd = 3, 255 do if io.open('/dev/fd/' .. fd) then open = open + 1 end end
        print(open)
    """)
    assert work.step() == 1
    said = lines(other)
    assert item(other).state == "Prepared", item(other).last_error
    refused = [line for line in said if line.startswith("nil") and "Permission denied" in line]
    assert len(refused) == 5, said
    assert str(NOBODY.pw_uid) in said
    assert path.exists() and work.spool.root.exists()
    seen("5 of 5 tries refused: permission denied; the original and the spool are as they were")


@pytest.mark.fault(58, "as a user of its own")
def test_a_fork_bomb_meets_the_limit_of_its_user_and_ends_with_its_image(
    tmp_path: Path, seen: Callable[[str], None]
) -> None:
    node("PACS")
    work = prepare(tmp_path, user=as_nobody(), seconds=1)
    bomb = "os.execute([[sh -c 'f() { f | f & }; f' >/dev/null 2>&1; sleep 30]])"
    lua_entry(f"if dataset:Get('PatientID') == 'BAD' then {bomb} end")
    bad, good = work.image(ct_image(PatientID="BAD")), work.image(ct_image())
    assert work.step() == 2
    assert (item(bad).state, item(good).state) == ("Failed", "Prepared")
    assert "script exceeded its limit" in item(bad).last_error
    assert not [pid for pid in os.listdir("/proc") if pid.isdecimal() and _is_bomb(pid)]
    seen("stopped at 64 processes and ended with the image; the next image was prepared; 0 processes left")


def _is_bomb(pid: str) -> bool:
    try:
        return b"f | f &" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.fault(59, "300 open files and a file of 100 MB, in a process of its own")
def test_files_are_limited_in_number_and_size(tmp_path: Path) -> None:
    node("PACS")
    work = prepare(tmp_path, seconds=5)
    lua_entry(f"""
        local kept, count = {{}}, 0
        for i = 1, 5000 do
          kept[i] = io.open('/dev/null')
          if kept[i] then count = count + 1 end
        end
        print('files', count)
        for i = 1, #kept do kept[i]:close() end
        local file = io.open('{tmp_path}/large', 'w')
        local piece, wrote = ('x'):rep(1 << 20), 0
        for i = 1, 100 do if file:write(piece) and file:flush() then wrote = wrote + 1 end end
        print('MiB', wrote)
    """)
    done = work.prepared(ct_image())
    files, mib = (int(line.split("\t")[1]) for line in lines(done.id))
    assert files < 256
    assert mib == 64


def test_what_is_no_message_of_ours_is_not_believed() -> None:
    for line in (b"[]\n", b"{\n", b"\xff\n"):
        with pytest.raises(NotOurs):
            decode(line)
    for message in (
        {"ask": "delete", "given": [], "named": {}},
        {"ask": "__class__", "given": [], "named": {}},
        {"ask": "count", "given": [{}], "named": {}},
        {"ask": "count", "given": "x", "named": {}},
    ):
        with pytest.raises(NotOurs):
            answer(object(), message)  # type: ignore[arg-type]
    outcomes: tuple[object, ...] = ({}, {"verdict": "prepared"}, [], None, {"verdict": "elsewhere"})
    for outcome in outcomes:
        with pytest.raises(NotOurs):
            outcome_of(outcome)
    for said in (None, ["item"], ["item", "info", 1, 1, 1], ["item", "loud", "x", 1, 1], ["item", "info", "x", -1, 1]):
        with pytest.raises(NotOurs):
            said_of(said)


def test_an_outcome_survives_the_way() -> None:
    made = run(
        "dataset:Set('StationName', 'X') study.n = 1 print('a') log:info('b') route:Add('RESEARCH')", "error('x')"
    )
    assert outcome_of(decode(encode({"outcome": told(made)}))["outcome"]) == made


def test_edits_of_the_image_itself_are_told_once_however_many_outputs_have_them() -> None:
    script = "for i = 1, 50 do dataset:Set('StationName', 'S' .. i) end route:Add('RESEARCH', function(ds) {} end)"
    short, long = (
        run(script.format(more) + " route:Add('ARCHIVE')") for more in ("", "ds:Set('PatientID', 'OF-THE-COPY')")
    )
    for made in (short, long):
        message = encode({"outcome": told(made)})
        assert message.count(b'"S49"') == 2  # once as the new value, once as the old one of the next edit
        assert outcome_of(decode(message)["outcome"]) == made
    assert [len(output.changes) for output in long.outputs] == [50, 51, 50]


def test_a_user_that_is_not_there_is_an_error() -> None:
    assert script_user("") is None
    with pytest.raises(KeyError):
        script_user("no-such-user")
