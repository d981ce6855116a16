"""What many failures have in common: their text without what differs from image to image."""

import hmac
import re
from functools import lru_cache

_PARTS = re.compile(
    r"""
    (?P<quoted> '[^']*' | "[^"]*" | “[^”]*” )
  | (?P<time> \d{4}-\d\d-\d\d (?: [T\ ] \d\d:\d\d (?: :\d\d (?: \.\d+ )? )? )? | \b \d\d:\d\d:\d\d (?: \.\d+ )? )
  | (?P<kept> \b JPEG\ 2000 \b | \b [0-9A-Fa-f]{4},[0-9A-Fa-f]{4} \b | \b \d{1,3} (?: \.\d{1,3} ){3} (?! [\w.] )
            | \b 0x [0-9A-Fa-f]{1,8} \b
            | (?: (?<= \w ) : | \b port\  | \b line\  | \b entry\  ) \d+ \b )
  | (?P<uid> (?<! [\w.] ) [0-2] (?: \.\d+ ){3,} (?! \w ) )
  | (?P<number> (?<! [\w.] ) \d+ (?: \.\d+ )? (?! \w ) )
    """,
    re.VERBOSE,
)
_INSTEAD = {"quoted": "…", "time": "(time)", "uid": "(UID)", "number": "#"}
_LONGEST = 200


def normalised(text: str) -> str:
    """
    The first line of a failure's text with placeholders for UIDs, quoted values, moments and numbers.

    Statuses, tags, addresses, ports, entries and lines of scripts stay: they tell one cause from another.
    """
    line = text.strip().split("\n", 1)[0]
    line = _PARTS.sub(lambda found: _INSTEAD.get(found.lastgroup or "", found[0]), line)
    return " ".join(line.split())[:_LONGEST]


@lru_cache(10_000)
def mark(text: str, key: bytes) -> str:
    """
    A short name of the cause that a text tells of, the same for all texts that differ in details only.

    Nobody without the key can find out by guessing what a text says: scripts
    quote patients, and the name of a cause is shown to all.
    """
    return hmac.new(key, normalised(text).encode("utf-8", "replace"), "sha256").hexdigest()[:12]
