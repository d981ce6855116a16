"""What a person may see of patient data: everything with the right view_phi, without it only that there is some."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser, User

from routing.core.states import QueueState
from routing.models import HistoryEntry, QueueItem
from scripts_app.core.outcome import NO_ROUTE
from scripts_app.outside import PHI

MASK = "•••"
_COMMENT = re.compile(r"(0x[0-9A-F]{4}\b(?: \([^)]*\))?: ).+", re.DOTALL)
"""What follows a status is the node's Error Comment (0000,0902), as ``routing.engine.delivering.settle`` writes it."""
_OWN = re.compile(
    rf"{re.escape(NO_ROUTE)}"
    r"|its preparation began \d+ times and never ended"
    r"|node [^:]{1,16} has been deleted"
    r"|no node answers to called AE title '[^']{1,16}'"
    r"|older than [\d.e+]+ hours"
    r"|script exceeded its limit of \S+ (?:s|MiB)"
    r"|scripts cannot edit its file as it stands, and to write it anew takes more than \S+ s"
    r"|\d+ times since [-+:.T\d]+, for the same reason"
    r"|the (?:received|prepared) file is missing from the spool(?:; what the modality sent is still there)?"
)
"""What the router says of an item before it is prepared, whole; nothing in it comes from an image or a script."""
_ENTRY = re.compile(r"entry \d+\b")
"""How the error of an entry begins, before the words that the script chose."""
_SHORTEST = 3
"""Parts of a name that are shorter are not looked for in other text: they would blot out half of it."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One person's view; every text that may hold patient data goes through one of these methods."""

    full: bool

    @classmethod
    def of(cls, user: User | AnonymousUser) -> Sight:
        return cls(user.has_perm(PHI))

    def value(self, text: Any) -> str:
        """A patient's name, number or any other element value."""
        if text is None or text == "":
            return ""
        return str(text) if self.full else MASK

    def by_script(self, text: str) -> str:
        """A text that a script or its error wrote: it may quote any element, so nothing of it is safe."""
        return text if self.full or not text else MASK

    def by_preparation(self, text: str) -> str:
        """Why an item was not prepared: the router's own words, and of a script's error which entry it was."""
        if self.full or _OWN.fullmatch(text):
            return text
        entry = _ENTRY.match(text)
        return f"{entry[0]}: {MASK}" if entry else self.by_script(text)

    def reason(self, text: str) -> str:
        """Why an entry was skipped: the tag is configuration, what is quoted after it may be a patient's."""
        if self.full:
            return text
        head = re.split("['\"]", text, maxsplit=1)
        return head[0] + MASK if len(head) > 1 else text

    def by_node(self, text: str) -> str:
        """
        A text of the router that ends with what a node answered: the status stays, the comment goes.

        It may quote any element that was sent, also one that a script has changed since.
        """
        return text if self.full else _COMMENT.sub(rf"\1{MASK}", text)

    def about(self, item: QueueItem, text: str) -> str:
        """A text of the router or of a node about one item, freed of the item's own patient values."""
        if self.full or not text:
            return text
        text = self.by_node(text)
        known = {item.patient_id, item.patient_name, item.accession_number, *re.split(r"[\^=\s]+", item.patient_name)}
        for value in sorted((v for v in known if len(v) >= _SHORTEST), key=len, reverse=True):
            text = re.sub(re.escape(value), MASK, text, flags=re.IGNORECASE)
        return text

    def last_error(self, item: QueueItem) -> str:
        """What went wrong last; a script's doing until the item has once been prepared."""
        return self.about(item, item.last_error) if item.prepared_at else self.by_preparation(item.last_error)

    def note(self, entry: HistoryEntry) -> str:
        """The remark beside one move of an item."""
        by_script = entry.from_state == QueueState.NEW and not _OWN.fullmatch(entry.note)
        return self.by_script(entry.note) if by_script else self.about(entry.item, entry.note)
