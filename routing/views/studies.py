"""Studies: what was received of each, and whether all of it arrived."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django.contrib.auth.decorators import permission_required
from django.db.models import Count, Max, Min
from django.http import Http404, HttpResponse, QueryDict
from django.views.decorators.http import require_GET

from routing.core.identifiers import identifier_in
from routing.forms.study_search import NEWEST, StudySearch, newest_studies
from routing.models import OperatorAction, QueueItem
from routing.operating.undo import last_undoable
from routing.people.sight import Sight
from routing.people.viewed import note_view
from routing.showing.study_tallies import left_undone, tallied_series, tallied_studies
from routing.views.request import HtmxHttpRequest, draw

PAGE = 25
MOST_SERIES = 200
"""Series that a study's page lists."""
SEE, OPERATE = "routing.view_queueitem", "routing.operate_queue"


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
        "studies": tallied_studies(shown),
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
    shown = tallied_studies([(study_instance_uid, about["newest"])])[0]
    standing = items.standing()
    series = tallied_series(standing)
    undone, newest_undone = left_undone(standing)
    context: dict[str, Any] = {
        "sight": Sight.of(request.user),
        "study": shown,
        "undone": undone,
        "newest_undone": newest_undone,
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
