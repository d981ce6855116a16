"""What somebody most likely meant by a word that is none of the known ones: errors name it."""

from collections.abc import Iterable
from difflib import get_close_matches

SURELY = 0.6
"""Likeness (difflib) that is asked for among so many words that some other is always a little like it."""


def nearest(wrong: str, known: Iterable[str], least: float = 0.5) -> str:
    """The known word most like this one, or the empty string."""
    folded: dict[str, str] = {}
    for word in known:
        # Case alone is the commonest slip and the one that difflib rates worst.
        folded.setdefault(word.casefold(), word)
    word = wrong.strip().casefold()
    # Too long to be like any of them; difflib would look at each of a million characters before it says so.
    if len(word) > max(map(len, folded), default=0) * (2 - least) / least:
        return ""
    close = get_close_matches(word, folded, n=1, cutoff=least)
    return folded[close[0]] if close else ""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """The same as a clause, such as ``; did you mean 'AeTitle'?``, or nothing."""
    found = nearest(wrong, known)
    return f"; did you mean {found!r}?" if found else ""


def no_node(ae_title: str, known: Iterable[str]) -> str:
    """That none of the nodes has this AE title, and which may be meant."""
    return f"no node has the AE title {ae_title!r}{did_you_mean(ae_title, known)}"
