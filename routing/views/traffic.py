"""Received and delivered over the last hour, day and week; totals for each destination."""

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from routing.showing.traffic_charts import charts
from routing.views.request import HtmxHttpRequest, draw


@require_GET
@permission_required("routing.view_queueitem", raise_exception=True)
def traffic(request: HtmxHttpRequest) -> HttpResponse:
    context = charts(request.GET, timezone.now())
    return draw(request, "routing/traffic.html", "routing/_traffic.html", context)
