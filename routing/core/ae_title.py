"""AE titles: their legal form, and which node a called AE title means (decision D1)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from scripts_app.core.nearest import nearest


class IllegalAETitle(ValueError):
    """Not an AE title: 1 to 16 printable ASCII characters, no backslash, not only spaces (PS3.5 6.2, VR AE)."""


def checked(ae_title: str) -> str:
    """The AE title without surrounding spaces; IllegalAETitle says what is wrong with it."""
    trimmed = ae_title.strip(" ")
    if not trimmed:
        raise IllegalAETitle("an AE title must not be empty")
    if len(trimmed) > 16:
        raise IllegalAETitle(f"AE title {trimmed!r} has {len(trimmed)} characters; at most 16 are allowed")
    bad = sorted({c for c in trimmed if not " " <= c <= "~" or c == "\\"})
    if bad:
        raise IllegalAETitle(f"AE title {trimmed!r} has characters that are not allowed: {bad}")
    return trimmed


@dataclass(frozen=True, slots=True)
class KnownTitle:
    """What a directory knows of one Storage node."""

    node_id: int
    ae_title: str
    aliases: tuple[str, ...]
    enabled: bool


class Meaning(Enum):
    NODE = "node"
    UNADDRESSED = "unaddressed"
    """The router's own AE title: scripts decide where the image goes."""
    DISABLED = "disabled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Resolution:
    meaning: Meaning
    ae_title: str
    """The node's own AE title, or the router's."""
    node_id: int | None = None


class TitleBook:
    """
    Resolve AE titles against one snapshot of the nodes.

    A node's own AE title wins over the router's, which wins over prefixed
    titles, which win over aliases; so an alias can never take a node's place.
    """

    def __init__(self, nodes: Iterable[KnownTitle], own_ae_title: str, prefix: str) -> None:
        nodes = list(nodes)
        self._by_id = {node.node_id: node for node in nodes}
        self._by_title: dict[str, KnownTitle] = {}
        for node in nodes:
            for alias in node.aliases:
                self._by_title.setdefault(alias.strip(" "), node)
        if prefix:
            self._by_title.update({prefix + node.ae_title: node for node in nodes})
        self._by_title.pop(own_ae_title, None)
        self._by_title.update({node.ae_title: node for node in nodes})
        self._own = own_ae_title

    def resolve(self, ae_title: str) -> Resolution:
        """What a called AE title means; compared exactly after trimming spaces."""
        trimmed = ae_title.strip(" ")
        node = self._by_title.get(trimmed)
        if node is not None:
            return _of(node)
        if trimmed == self._own:
            return Resolution(Meaning.UNADDRESSED, self._own)
        return Resolution(Meaning.UNKNOWN, trimmed)

    def node(self, node_id: int) -> Resolution | None:
        """The node of this id under the AE title that it has here; None where it is not known."""
        node = self._by_id.get(node_id)
        return None if node is None else _of(node)

    def nearest(self, ae_title: str) -> str:
        """The known, enabled title most like ``ae_title``, or the empty string."""
        return nearest(ae_title, (title for title, node in self._by_title.items() if node.enabled))

    def titles(self) -> Mapping[str, str]:
        """Every called AE title that leads to a node, with that node's AE title."""
        return {title: node.ae_title for title, node in self._by_title.items()}


def _of(node: KnownTitle) -> Resolution:
    return Resolution(Meaning.NODE if node.enabled else Meaning.DISABLED, node.ae_title, node.node_id)
