"""A process is alive as long as it holds its file, and dead the moment it does not."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from routing.models import QueueItem
from routing.processes import presence as presences
from routing.processes.presence import Presence, departed, living, owners


def died(folder: Path, journal: bytes = b"") -> str:
    """What a killed process leaves: its file, without the lock."""
    folder.mkdir(exist_ok=True)
    (folder / "host:7:dead.presence").write_bytes(journal)
    return "host:7:dead"


def test_what_was_answered_with_more_than_success_is_kept_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    presence = Presence(tmp_path)
    for item_id, status in ((11, 0), (12, 0xB000), (13, 0xB007)):
        presence.journal(item_id, status)
    # Written anew, as when it has grown long.
    monkeypatch.setattr(presences, "_LONGEST", 0)
    presence.forget([13])
    journal = next(tmp_path.glob("*.presence")).read_bytes()
    presence.end()
    with departed(tmp_path, died(tmp_path, journal)) as found:
        assert found is not None
        assert (found.sent, found.statuses) == ((11, 12), {12: 0xB000})


def test_a_living_process_is_listed_and_not_departed(tmp_path: Path) -> None:
    presence = Presence(tmp_path / "run")
    assert owners(tmp_path / "run") == [presence.owner]
    with departed(tmp_path / "run", presence.owner) as found:
        assert found is None
    assert owners(tmp_path / "run") == [presence.owner]
    presence.end()


def test_two_processes_never_share_a_name(tmp_path: Path) -> None:
    first, second = Presence(tmp_path), Presence(tmp_path)
    assert first.owner != second.owner
    assert len(owners(tmp_path)) == 2
    first.end()
    second.end()


def test_whoever_leaves_in_good_order_leaves_nothing(tmp_path: Path) -> None:
    presence = Presence(tmp_path)
    presence.end()
    presence.end()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_is_departed_with_what_it_had_sent(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, pathlib; from routing.processes.presence import Presence; "
        "p = Presence(pathlib.Path(sys.argv[1])); p.journal(11); p.journal(12); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parents[3], check=False)
    (owner,) = owners(tmp_path)
    with departed(tmp_path, owner) as found:
        assert found is not None
        assert (found.owner, found.sent) == (owner, (11, 12))
        assert owners(tmp_path) == [owner]
    assert owners(tmp_path) == []


@pytest.mark.parametrize(
    ("journal", "sent"),
    [
        (b"", ()),
        (b"11\n1", (11,)),
        (b"11\n12\n", (11, 12)),
        (b"x\n-\n-x\n13\n", (13,)),
        (b"1", ()),
        (b"11\n12\n-11\n", (12,)),
        (b"11\n-11\n11\n", (11,)),
        (b"11\n-1", (11,)),
        (b"-11\n12\n", (12,)),
        (b"11 45056\n12 4", (11,)),
        (b"11 x\n12 45056\n-12\n", ()),
    ],
)
def test_a_line_that_the_kill_cut_short_does_not_count(tmp_path: Path, journal: bytes, sent: tuple[int, ...]) -> None:
    with departed(tmp_path, died(tmp_path, journal)) as found:
        assert found is not None
        assert found.sent == sent


def test_what_was_noted_before_the_machine_went_down_is_no_witness(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is synced: the disk may have kept that an item was sent, and not that this was recorded long ago."""
    boot, run = tmp_path / "boot_id", tmp_path / "run"
    monkeypatch.setattr(presences, "_BOOT", boot)
    boot.write_text("0f0f0f0f-0000-4000-8000-000000000000\n")
    for after, sent in (("0f0f0f0f-0000", (11,)), ("1e1e1e1e-0000", ())):
        presence = Presence(run)
        presence.journal(11)
        owner, content = presence.owner, presence._path.read_bytes()
        presence.end()
        (run / f"{owner}.presence").write_bytes(content)
        boot.write_text(after)
        with departed(run, owner) as found:
            assert found is not None
            assert found.sent == sent
        assert owners(run) == []


def test_the_journal_of_another_host_counts_whenever_that_was_started(tmp_path: Path) -> None:
    owner = "elsewhere:7:dead@0f0f0f0f"
    (tmp_path / f"{owner}.presence").write_bytes(b"11\n")
    with departed(tmp_path, owner) as found:
        assert found is not None
        assert found.sent == (11,)


def test_without_a_number_of_the_boot_every_journal_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presences, "_BOOT", tmp_path / "none")
    presence = Presence(tmp_path)
    presence.journal(11)
    assert left_by(presence) == (11,)
    presence.end()


def test_the_longest_owner_fits_into_its_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presences.socket, "gethostname", lambda: "h" * 64)
    monkeypatch.setattr(presences.os, "getpid", lambda: 4_194_304)
    presence = Presence(tmp_path)
    assert len(presence.owner) <= (QueueItem._meta.get_field("lease_owner").max_length or 0)
    presence.end()


def test_while_one_settles_nobody_else_does_and_after_it_there_is_nothing_to_settle(tmp_path: Path) -> None:
    owner = died(tmp_path)
    with departed(tmp_path, owner) as first, departed(tmp_path, owner) as second:
        assert first is not None
        assert second is None
    with departed(tmp_path, owner) as third:
        assert third is None


def test_settling_that_fails_leaves_the_file_for_the_next(tmp_path: Path) -> None:
    owner = died(tmp_path, b"11\n")
    with pytest.raises(ZeroDivisionError), departed(tmp_path, owner):
        raise ZeroDivisionError
    with departed(tmp_path, owner) as found:
        assert found is not None
        assert found.sent == (11,)


def test_who_opened_the_file_before_it_went_settles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = died(tmp_path)
    really_open = os.open

    def open_then_settled_by_another(path: Path, flags: int) -> int:
        fd = really_open(path, flags)
        path.unlink()
        return fd

    monkeypatch.setattr(os, "open", open_then_settled_by_another)
    with departed(tmp_path, owner) as found:
        assert found is None


def left_by(presence: Presence) -> tuple[int, ...]:
    """What would be taken for sent if the process were killed now."""
    content = (presence._path).read_bytes()
    folder = presence._path.parent / "as if killed"
    folder.mkdir(exist_ok=True)
    with departed(folder, died(folder, content)) as found:
        assert found is not None
        return found.sent


def test_what_is_recorded_is_taken_for_sent_no_longer_and_an_empty_journal_is_an_empty_file(tmp_path: Path) -> None:
    presence = Presence(tmp_path)
    for item_id in (11, 12, 13):
        presence.journal(item_id)
    presence.forget([12, 99])
    assert left_by(presence) == (11, 13)
    presence.forget([11])
    # The same item, sent again and answered again.
    presence.journal(12)
    assert left_by(presence) == (13, 12)
    presence.forget(iter([12, 13]))
    assert presence._path.read_bytes() == b""
    presence.end()


def test_a_journal_that_is_never_empty_stays_short_and_its_owner_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presences, "_LONGEST", 200)
    presence = Presence(tmp_path)
    presence.journal(1)
    for item_id in range(2, 1000):
        presence.journal(item_id)
        presence.forget([item_id])
        assert presence._path.stat().st_size < 220
        assert living(tmp_path) == [presence.owner]
    assert left_by(presence) == (1,)
    presence.end()
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []


def test_a_full_disk_makes_the_journal_no_wrong_witness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    presence = Presence(tmp_path)
    presence.journal(11)
    presence.journal(12)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(presences.os, "write", full)
        presence.forget([11])
        presence.forget([])
    assert left_by(presence) == (), "rather sent twice than taken for sent when it is sent again"
    presence.forget([])
    assert left_by(presence) == (12,)
    assert living(tmp_path) == [presence.owner]
    presence.end()


def test_half_a_line_on_a_disk_that_gets_full_swallows_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    presence = Presence(tmp_path)
    presence.journal(11)
    presence.journal(12)
    really_write = os.write
    with monkeypatch.context() as patched:
        patched.setattr(presences.os, "write", lambda fd, lines: really_write(fd, lines[:-2]))
        with pytest.raises(OSError, match="No space"):
            presence.journal(13)
        presence.forget([11])
    presence.journal(14)
    assert left_by(presence) == (12, 14)
    presence.forget([14])
    assert left_by(presence) == (12,)
    presence.end()


def test_the_line_behind_half_a_line_is_one_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    presence = Presence(tmp_path)
    really_write = os.write
    with monkeypatch.context() as patched:
        patched.setattr(presences.os, "write", lambda fd, lines: really_write(fd, lines[:-2]))
        with pytest.raises(OSError, match="No space"):
            presence.journal(13)
    presence.journal(24)
    assert left_by(presence) == (24,)
    presence.end()


def test_only_the_owner_may_read_the_files(tmp_path: Path) -> None:
    presence = Presence(tmp_path / "run")
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "run" / f"{presence.owner}.presence").stat().st_mode & 0o777 == 0o600
    presence.end()
