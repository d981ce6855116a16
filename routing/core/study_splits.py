"""Whether the images of one study would still be one study at each destination."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from hashlib import blake2b
from typing import Any

_STUDY = "0020,000D"
SPLIT = "*"

Studies = MutableMapping[str, dict[str, str]]
"""By destination, for each received study the study that its images became so far, SPLIT once there were two."""


def note(studies: Studies, received_study: str, result: Mapping[str, Any]) -> None:
    """Count one dry run in; ``received_study``: of an image whose scripts leave the study alone."""
    for output in result["outputs"]:
        change = next((each for each in output["changes"] if each["tag"].upper() == _STUDY), None)
        old, new = (change["old"], change["new"]) if change else (received_study, received_study)
        if not old:
            continue
        known = studies.setdefault(output["destination"], {})
        became = _short(new or "")
        if known.setdefault(_short(old), became) != became:
            known[_short(old)] = SPLIT


def splits(studies: Mapping[str, Mapping[str, str]]) -> list[tuple[str, int]]:
    """How many studies would fall apart at each destination, where any would."""
    found = [(name, sum(became == SPLIT for became in known.values())) for name, known in studies.items()]
    return sorted((name, count) for name, count in found if count)


def _short(uid: str) -> str:
    """Enough to tell the studies of one rehearsal apart; a rehearsal may see thousands."""
    return blake2b(uid.strip("\0 ").encode("utf-8", "replace"), digest_size=8).hexdigest()
