"""Which node a script means by an AE title (decision D4)."""

from routing.core.ae_title import Meaning, TitleBook
from scripts_app.core.ports import UnknownDestination

_MOST_NAMED = 5


def storage_node(titles: TitleBook, ae_title: str) -> str:
    """AE title of the enabled Storage node; UnknownDestination with the nearest name."""
    found = titles.resolve(ae_title)
    if found.meaning is Meaning.NODE:
        return found.ae_title
    if found.meaning is Meaning.DISABLED:
        raise UnknownDestination(f"destination {found.ae_title!r} is disabled")
    near = titles.nearest(ae_title)
    hint = f"did you mean {near!r}?" if near else _known(titles)
    raise UnknownDestination(f"no Storage node has the AE title {ae_title!r}; {hint}")


def _known(titles: TitleBook) -> str:
    meant = (titles.resolve(title) for title in titles.titles())
    names = sorted({found.ae_title for found in meant if found.meaning is Meaning.NODE})
    if not names:
        return "there is no enabled Storage node"
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"there are {', '.join(names[:_MOST_NAMED])}{more}" if len(names) > 1 else f"there is only {names[0]}"
