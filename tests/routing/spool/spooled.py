"""Files in a spool, for its tests."""

from datetime import UTC, datetime

from routing.spool.spool import Spool

EIGHT = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)


def stored(spool: Spool, identifier: int, content: bytes = b"x") -> int:
    part = spool.begin(identifier)
    part.write([content])
    part.commit()
    return identifier


def files(spool: Spool) -> list[str]:
    return sorted(str(path.relative_to(spool.root)) for path in spool.root.rglob("*") if path.is_file())
