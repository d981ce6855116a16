"""Where files of refused instances lie: in the spool's file system, out of reach of sending and adopting."""

from pathlib import Path

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
    FileExistsError while somebody else is at it, and after a kill until what that left is swept.
    """
    with quarantined(spool, identifier).open("rb") as file:
        try:
            part = spool.begin(identifier)
        except FileExistsError:
            if not spool.path(identifier).exists():
                raise
            return
        try:
            while piece := file.read(_PIECE):
                part.write([piece])
            part.commit()
        finally:
            part.discard()
