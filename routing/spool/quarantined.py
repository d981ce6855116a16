"""Where files of refused instances lie: in the spool's file system, out of reach of sending and adopting."""

import fcntl
from pathlib import Path
from typing import BinaryIO

from routing.spool.part import Part
from routing.spool.spool import Spool

_PIECE = 1 << 20


def quarantined(spool: Spool, identifier: int) -> Path:
    return spool.root / "quarantine" / f"{identifier}.dcm"


def quarantined_ids(spool: Spool) -> list[int]:
    """Every identifier that has a file there, in order."""
    folder = quarantined(spool, 0).parent
    files = folder.glob("*.dcm") if folder.is_dir() else ()
    return sorted(int(path.stem) for path in files if path.stem.isdecimal())


def set_aside(spool: Spool, part: Part) -> None:
    """Instead of committing it; nobody was promised anything, so it need not survive a power cut."""
    part.move_to(_place(spool, part.identifier))


def set_aside_committed(spool: Spool, identifier: int) -> None:
    """A file that has its name, and nobody may send.  FileNotFoundError when there is none."""
    spool.path(identifier).rename(_place(spool, identifier))


def _place(spool: Spool, identifier: int) -> Path:
    path = quarantined(spool, identifier)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    return path


def take_back(spool: Spool, identifier: int) -> None:
    """
    Make a refused file one that was received, durably; the one in quarantine stays.

    FileNotFoundError when it is not there; nothing happens when it was taken before.
    FileExistsError while somebody else is at it; who was killed at it is not.
    """
    # Where locks go through a server, one that keeps others out has to be that of a writer.
    with quarantined(spool, identifier).open("r+b") as file:
        alone = _is_alone_with(file)
        try:
            part = spool.begin(identifier)
        except FileExistsError:
            if spool.path(identifier).exists():
                return
            if not alone:
                raise
            # No other process begins a file of this identifier: who began this one has died.
            spool.discard_part(identifier)
            part = spool.begin(identifier)
        try:
            while piece := file.read(_PIECE):
                part.write([piece])
            part.commit()
        finally:
            part.discard()


def _is_alone_with(file: BinaryIO) -> bool:
    """
    Keep others from taking it as long as it is open; the kernel lets go of it when the process dies.

    FileExistsError while another does; False where the file system has no locks, and nothing tells.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise FileExistsError("it is being taken") from error
    except OSError:
        return False
    return True
