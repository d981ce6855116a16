"""Remove files one by one: what the disk does not let go keeps nothing else, and is told once."""

from __future__ import annotations

import errno
import logging
from pathlib import Path

log = logging.getLogger("capacitor.retention")


class Removal:
    """Call it with a file and what goes with it; False when the disk refuses (chattr +i, an input error)."""

    def __init__(self) -> None:
        self.passed_over: set[Path] = set()
        """Files that were refused; nothing is gained by trying each in every round."""
        self._told: set[Path] = set()

    def __call__(self, file: Path, *with_it: Path) -> bool:
        path = file
        try:
            for path in (file, *with_it):
                path.unlink(missing_ok=True)
        except OSError as error:
            if error.errno == errno.EROFS:
                # That is not about this file: each would be told.
                raise
            self.passed_over.add(file)
            if file not in self._told:
                self._told.add(file)
                log.error("file %s cannot be removed: %s", path.name, error.strerror)
            return False
        self._told.discard(file)
        return True

    def try_again(self) -> None:
        """Pass over nothing any more; what is refused again is not told again."""
        self.passed_over.clear()
