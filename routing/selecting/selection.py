"""Which items a person means: those ticked, their series or studies, or all that a filter matches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.http import QueryDict
from django.urls import Resolver404, resolve
from django.utils import timezone

from routing.core.identifiers import identifier_in
from routing.forms.queue_filter import QueueFilter
from routing.models import QueueItem
from routing.models.querysets import QueueItemQuerySet, delivered_since
from routing.people.sight import Sight

SCOPES = ("ticked", "series", "study", "matching")
MOST_TICKED = 50
"""Rows of a page of the queue."""
_FILTER = (*QueueFilter.base_fields, "sort")
"""
Parameters that are part of the filter.

It goes into addresses that people share, and into the audit log: what else a question brings along, such as the token
of its form and the reason that somebody has begun to write, must not.
"""
_ASKING = ("queue_item", "study")
"""Pages beside the queue that ask questions and are shown again afterwards."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What a question is about."""

    scope: str
    ticked: list[int]
    chosen: QueueFilter
    filter: QueryDict
    upto: int
    """The newest item when the question was asked; what came in later is left out."""
    asked_at: datetime
    """What has been delivered since is left out: what was to bring it there would send it twice."""
    back: str

    @classmethod
    def read(cls, query: QueryDict, given: QueryDict, sight: Sight, *, asking: bool) -> Selection:
        """
        The filter from the address, the rest from what was sent.

        A question mends a scope that is missing or cannot be.  A deed does
        not: nothing ticked must never become everything, nor must what is
        ticked and cannot be read.
        """
        ticked = read_ids(given)
        scope = given.get("scope", "")
        if asking and scope not in SCOPES:
            scope = "ticked"
        if asking and scope != "matching" and not given.getlist("ids"):
            scope = "matching"
        newest = QueueItem.objects.order_by("-id").values_list("pk", flat=True).first() or 0
        upto = identifier_in(given.get("upto")) or newest
        chosen = QueueFilter(query, sight=sight)
        asked_at = _moment(given.get("asked_at", "")) or timezone.now()
        return cls(scope, ticked, chosen, filter_alone(query), upto, asked_at, way_back(given.get("back", "")))

    def items(self) -> QueueItemQuerySet:
        return self._meant().exclude(delivered_since(self.asked_at))

    def delivered_meanwhile(self) -> int:
        """How many that is."""
        return self._meant().filter(delivered_since(self.asked_at)).order_by().count()

    def _meant(self) -> QueueItemQuerySet:
        return scoped(self.scope, self.ticked, self.chosen, self.upto)

    @property
    def query(self) -> str:
        """The filter, to stand behind an address."""
        return f"?{self.filter.urlencode()}" if self.filter else ""

    @property
    def wrong(self) -> str:
        """Why nothing may be done: more would match than was asked for."""
        if self.scope != "matching" or not self.chosen.errors:
            return ""
        return f"Put the filter right first. {' '.join(self.chosen.left_out)}"

    def sizes(self, most: int) -> list[tuple[str, int]]:
        """What can be meant instead, each with its number up to ``most``."""
        names = SCOPES if self.ticked and not self.back else SCOPES[:3] if self.ticked else SCOPES[3:]
        found = [
            (name, scoped(name, self.ticked, self.chosen, self.upto).order_by().values("pk")[:most].count())
            for name in names
        ]
        return [(name, size) for name, size in found if size]

    @property
    def subject(self) -> str:
        """The one thing that it is about, for the audit log; empty when it is none."""
        if self.scope == "ticked" and len(self.ticked) == 1:
            return f"item {self.ticked[0]}"
        if self.scope == "matching" and set(self.filter) <= {"study", "series"} and self.filter.get("study"):
            series = self.filter.get("series")
            return f"series {series}" if series else f"study {self.filter['study']}"
        return ""


def scoped(scope: str, ticked: Sequence[int], chosen: QueueFilter, upto: int | None) -> QueueItemQuerySet:
    """
    The items that are meant: those ticked, the whole of their series or studies, or all that the filter matches.

    ``upto`` leaves out what came in after the question was asked.
    """
    items = QueueItem.objects.all()
    if scope == "matching":
        items = chosen.meant(items)
        return items if upto is None else items.filter(pk__lte=upto)
    column = {"study": "study_instance_uid", "series": "series_instance_uid"}.get(scope)
    if column is None:
        return items.filter(pk__in=ticked)
    some = items.filter(pk__in=ticked).exclude(study_instance_uid="")
    studies = list(some.order_by().values_list("study_instance_uid", flat=True).distinct())
    # The study has an index, the series alone has none.
    items = items.filter(study_instance_uid__in=studies)
    if column == "series_instance_uid":
        items = items.filter(series_instance_uid__in=list(some.order_by().values_list(column, flat=True).distinct()))
    return items if upto is None else items.filter(pk__lte=upto)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def read_ids(query: QueryDict) -> list[int]:
    """The ticked rows."""
    found = [identifier_in(text) for text in query.getlist("ids")]
    return [pk for pk in found if pk is not None][:MOST_TICKED]


def filter_alone(query: QueryDict) -> QueryDict:
    """The address without what belongs to one question or one page."""
    kept = query.copy()
    for name in set(kept) - set(_FILTER):
        kept.pop(name)
    return kept


def way_back(address: str) -> str:
    """The page of an item or a study that a question was asked on; empty for any other address."""
    parts = urlsplit(address)
    # Anything with a host, also without a scheme, would lead out of here.
    if parts.scheme or parts.netloc or not address.startswith("/"):
        return ""
    try:
        page = resolve(parts.path)
    except Resolver404:
        return ""
    return address if page.url_name in _ASKING else ""
