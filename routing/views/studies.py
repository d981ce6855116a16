"""Studies: what was received of each, and whether all of it arrived."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.contrib.auth.decorators import permission_required
from django.db.models import Count, Max, Min
from django.http import Http404, HttpResponse, QueryDict
from django.views.decorators.http import require_GET

from routing.core.identifiers import identifier_in
from routing.core.states import QueueEvent, QueueState
from routing.core.study_tally import DELETED, Tally, answer
from routing.models import OperatorAction, QueueItem
from routing.operating.undo import last_undoable
from routing.people.sight import Sight
from routing.views.bulk import BulkOffer, study_offers
from routing.views.led_by import led_by
from routing.views.request import HtmxHttpRequest, draw
from routing.views.study_search import NEWEST, StudySearch, newest_studies
from routing.views.viewed import note_view

PAGE = 25
MOST_SERIES = 200
"""Series that a study's page lists."""
SEE, OPERATE = "routing.view_queueitem", "routing.operate_queue"


@dataclass(frozen=True, slots=True)
class Counted:
    """A study or a series, and what became of its images by destination."""

    uid: str
    destinations: dict[str, Tally]

    @property
    def whole(self) -> Tally:
        return sum(self.destinations.values(), Tally())

    @property
    def offers(self) -> list[BulkOffer]:
        return study_offers(self.whole.states)


@dataclass(frozen=True, slots=True)
class Study(Counted):
    """One row of the list."""

    item: QueueItem
    """The one that names patient, modality and accession: as received, where that is known."""

    @property
    def answer(self) -> str:
        return answer(self.destinations)


@dataclass(frozen=True, slots=True)
class Series(Counted):
    modality: str


@require_GET
@permission_required(SEE, raise_exception=True)
def studies(request: HtmxHttpRequest) -> HttpResponse:
    sight = Sight.of(request.user)
    search = StudySearch(request.GET, sight=sight)
    start = identifier_in(request.GET.get("before"))
    found = newest_studies(search.items(), start, PAGE + 1, everywhere=bool(search.text))
    if start is not None and not found:
        # All of that page have gone meanwhile.
        start, found = None, newest_studies(search.items(), None, PAGE + 1, everywhere=bool(search.text))
    shown = found[:PAGE]
    context = {
        "sight": sight,
        "form": search,
        "studies": _studies(shown),
        "first": start is None,
        "named_among": NEWEST if search.bounded else None,
        "older": shown[-1][1] if len(found) > PAGE else None,
    }
    if shown:
        asked = request.GET.copy()
        asked.pop("before", None)
        note_view(request.user, "studies", "list", filter=asked.urlencode())
    return draw(request, "routing/studies.html", "routing/_studies.html", context)


@require_GET
@permission_required(SEE, raise_exception=True)
def study(request: HtmxHttpRequest, study_instance_uid: str) -> HttpResponse:
    items = QueueItem.objects.filter(study_instance_uid=study_instance_uid)
    about = items.aggregate(
        first=Min("created_at"), last=Max("created_at"), images=Count("received_id", distinct=True), newest=Max("pk")
    )
    if not about["newest"]:
        raise Http404("no item of that study is kept here")
    note_view(request.user, "study", study_instance_uid)
    shown = _studies([(study_instance_uid, about["newest"])])[0]
    standing = items.standing()
    series = _series(standing)
    context: dict[str, Any] = {
        "sight": Sight.of(request.user),
        "study": shown,
        "item": shown.item,
        "series": series[:MOST_SERIES],
        "series_cut": len(series) > MOST_SERIES,
        "images": about["images"],
        "replaced": items.count() - standing.count(),
        "first_at": cast(datetime, about["first"]),
        "last_at": cast(datetime, about["last"]),
        "undoable": _undoable(request, study_instance_uid),
    }
    return draw(request, "routing/study.html", "routing/_study.html", context)


def _undoable(request: HtmxHttpRequest, uid: str) -> OperatorAction | None:
    """What this person may still take back of what they did to the study or to one of its series."""
    done = last_undoable(request.user.get_username()) if request.user.has_perm(OPERATE) else None
    return done if done is not None and QueryDict(done.scope).get("study") == uid else None


def _studies(found: list[tuple[str, int]]) -> list[Study]:
    uids = [uid for uid, _ in found]
    newest = QueueItem.objects.defer("recipe").in_bulk([latest for _, latest in found])
    # A copy may be anonymous; what was received says whose study it is, as long as it is the same study.
    received = QueueItem.objects.defer("recipe").in_bulk([item.received_id for item in newest.values()])
    rows = QueueItem.objects.filter(study_instance_uid__in=uids).standing().order_by()
    tallies = _tallies(rows, "study_instance_uid")
    shown = []
    for uid, latest in found:
        item = newest.get(latest)
        if item is None:
            continue
        original = received.get(item.received_id)
        item = original if original is not None and original.study_instance_uid == uid else item
        shown.append(Study(uid, tallies.get(uid, {}), item))
    return shown


def _series(items: Any) -> list[Series]:
    name = "series_instance_uid"
    modalities = dict(items.order_by().values_list(name).annotate(modality=Max("modality")))
    return [Series(uid, tallies, modalities.get(uid, "")) for uid, tallies in sorted(_tallies(items, name).items())]


def _tallies(items: Any, name: str) -> dict[str, dict[str, Tally]]:
    """Counted by the UID in that column, and by destination."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    rows: Iterable[tuple[str, str, str, int]]
    rows = items.order_by().values_list(name, "destination_ae_title", "state").annotate(n=Count("pk"))
    for uid, destination, state, number in rows:
        counts.setdefault(uid, {}).setdefault(destination, {})[state] = number
    if any(QueueState.DROPPED in states for found in counts.values() for states in found.values()):
        for uid, destination, number in (
            _deleted(items).values_list(name, "destination_ae_title").annotate(n=Count("pk"))
        ):
            counts[uid][destination][DELETED] = number
    return {
        uid: {destination: Tally.of(states) for destination, states in sorted(found.items())}
        for uid, found in counts.items()
    }


def _deleted(items: Any) -> Any:
    """Those that left the queue because a person said so, and not a script."""
    dropped = items.order_by().filter(state=QueueState.DROPPED).annotate(led_by=led_by())
    return dropped.filter(led_by=QueueEvent.DELETED_BY_OPERATOR)
