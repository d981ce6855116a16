"""
The signs by which a spool is told from an empty mount point.

A file in the spool marks it, and a note beside it says that there is a marked one.  Where the file system that goes
away holds the note, too, whoever has seen the mark remembers it.
"""

from pathlib import Path

_MARK = ".spool"
_NOTE = ".has-spool"
_seen: set[Path] = set()
"""Of this process."""


def mark(root: Path) -> None:
    """Make a folder known for the spool from now on."""
    for sign in (root / _MARK, root.parent / _NOTE):
        sign.touch(mode=0o600)
    _seen.add(root)


def is_marked(root: Path) -> bool:
    """Whether the folder is known for the spool; an empty mount point is not."""
    marked = (root / _MARK).exists()
    if marked:
        _seen.add(root)
    return marked


def is_gone(root: Path) -> bool:
    """Whether there has been a spool here, and now there is none, or another folder."""
    # In this order, the reverse of that in which they are made: another process may be marking it right now.
    known = root in _seen or (root.parent / _NOTE).exists()
    # Asked in any case: what is marked now is remembered.
    return not is_marked(root) and known
