"""What a person wants to see of the logs, as it stands in the page's address."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q, QuerySet

from routing.forms.filtering import FilterForm, moment_field, search_field
from routing.models import ApplicationLogLine, AuditRecord, Node
from routing.people.sight import Sight

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
WINDOW = 200_000
"""Rows among which a page looks for what no index answers; the page says so, and goes on from there when asked."""
BY_SCRIPT = "[lua] "
"""How a line begins that a script wrote: it may quote any element."""


class LogFilter(FilterForm):
    """``level`` is the least level that is shown."""

    level = forms.ChoiceField(choices=[("", "all levels")] + [(level, level) for level in LEVELS], required=False)
    since = moment_field("From")
    until = moment_field("To")
    node = forms.ChoiceField(required=False)
    q = search_field("Text")

    def __init__(self, data: Any, *, sight: Sight) -> None:
        super().__init__(data, sight=sight)
        names = list(Node.objects.order_by("ae_title").values_list("ae_title", flat=True).distinct())
        asked = data.get("node", "")
        if asked and asked not in names:
            # A node that is gone still stands in the log.
            names.append(asked[:16])
        self.fields["node"].choices = [("", "all nodes"), *((name, name) for name in names)]  # type: ignore[attr-defined]
        self.full_clean()

    @property
    def searches(self) -> bool:
        """Whether rows have to be read one after another."""
        return any(self.value(name) for name in ("level", "node", "q"))

    def floor(self, table: type[ApplicationLogLine] | type[AuditRecord], before: int | None) -> int | None:
        """The id below which a search from ``before`` on does not look; None where it looks at everything."""
        if not self.searches:
            return None
        # Ids are given in the order of time, nearly: the ends of a span of time are found by its index.
        in_time = self._in_time(table._default_manager.all()).values_list("pk", flat=True)
        newest = in_time.order_by("-at", "-pk").first() if before is None else before - 1
        oldest = in_time.order_by("at", "pk").first()
        if newest is None or oldest is None or oldest > newest - WINDOW:
            return None
        return newest - WINDOW

    def lines(self) -> QuerySet[ApplicationLogLine]:
        """Lines of the application log.  Free text meets what a script wrote only for those who may read it."""
        found = self._in_time(ApplicationLogLine.objects.all())
        if level := self.value("level"):
            found = found.filter(level__in=LEVELS[LEVELS.index(level) :])
        if node := self.value("node"):
            found = found.filter(self._message(node))
        if text := self.value("q"):
            found = found.filter(self._message(text) | Q(process__icontains=text) | Q(logger__icontains=text))
        return found

    def records(self) -> QuerySet[AuditRecord]:
        """Records of the audit log."""
        found = self._in_time(AuditRecord.objects.all())
        if node := self.value("node"):
            found = found.filter(object=node)
        if text := self.value("q"):
            found = found.filter(Q(actor__icontains=text) | Q(action__icontains=text) | Q(object__icontains=text))
        return found

    def _message(self, text: str) -> Q:
        found = Q(message__icontains=text)
        return found if self.sight.full else found & ~Q(message__startswith=BY_SCRIPT)

    def _in_time(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since:
            rows = rows.filter(at__gte=since)
        return rows.filter(at__lt=until) if until else rows
