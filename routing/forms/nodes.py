"""Forms of the pages: a node, a known sender."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator

from routing.core.gates import network, window
from routing.core.node_checks import LARGEST_NUMBER, check_alias, check_delays, check_host, check_sop_class
from routing.core.transfer_syntax import UnknownTransferSyntax, uid_of
from routing.forms.merging import MergingForm
from routing.models import KnownSender, Node
from routing.nodes.titles import title_book


def _alias(line: str) -> str:
    check_alias(line)
    return line


def _span(line: str) -> str:
    span = window(line)
    return f"{span.first:%H:%M} - {span.last:%H:%M}"


def _network(line: str) -> str:
    return str(network(line))


def _sop_class(line: str) -> str:
    check_sop_class(line)
    return line


class LinesField(forms.CharField):
    """A list, one value a line; ``read`` raises ValueError, and errors name the line's own text."""

    widget = forms.Textarea

    def __init__(self, *, read: Callable[[str], str], **options: Any) -> None:
        super().__init__(required=False, strip=True, **options)
        self.read = read
        self.widget.attrs["rows"] = 2

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        # What was imported may be written otherwise, as 22:00-6:00.
        return super().has_changed(self.to_python(self.prepare_value(initial)), data)

    def to_python(self, value: Any) -> Any:
        values, wrong = [], []
        for line in filter(None, (line.strip() for line in str(value or "").splitlines())):
            try:
                values.append(self.read(line))
            except ValueError as error:
                wrong.append(ValidationError(str(error)))
        if wrong:
            raise ValidationError(wrong)
        return values


class NodeForm(MergingForm):
    """One node: what is wrong is said with the nearest valid value, before anything is saved."""

    aliases = LinesField(read=_alias, help_text="further called AE titles that mean this node, one a line")
    process_schedule = LinesField(
        read=_span, help_text="when to send, such as 22:00 - 06:00, one span a line; empty: always (server's zone)"
    )
    process_networks = LinesField(
        read=_network, help_text="send only when this machine has an address in one of these networks, one a line"
    )
    sop_class_priorities = LinesField(
        read=_sop_class,
        label="SOP class priorities",
        help_text="SOP class UIDs, most urgent first; the word default places all others",
    )

    class Meta:
        model = Node
        fields = [
            *("ae_title", "description", "host", "port", "role", "aliases", "enabled", "paused"),
            *("impersonate", "transfer_syntax", "priority", "sop_class_priorities", "batch_size", "max_associations"),
            "deidentified",
            *("process_delay", "process_schedule", "process_networks", "stall_threshold", "minimum_line_speed"),
            *("retry_initial", "retry_limit", "retry_jitter", "retry_attempts"),
            *("tls", "tls_check_host", "tls_ca", "tls_certificate", "tls_key"),
        ]

        labels = {
            "max_associations": "Associations at the most",
            "retry_initial": "First delay",
            "retry_limit": "Longest delay",
            "retry_jitter": "Jitter",
            "retry_attempts": "Attempts",
        }

    SECTIONS = (
        ("Where it is", ("ae_title", "description", "host", "port", "role", "aliases", "enabled", "paused")),
        (
            "How images are sent",
            (
                *("impersonate", "transfer_syntax", "priority", "sop_class_priorities"),
                *("batch_size", "max_associations", "deidentified"),
            ),
        ),
        (
            "When images are sent",
            (
                *("process_schedule", "process_networks", "process_delay"),
                *("stall_threshold", "minimum_line_speed"),
            ),
        ),
        ("After a failure", ("retry_initial", "retry_limit", "retry_jitter", "retry_attempts")),
        ("TLS", ("tls", "tls_check_host", "tls_ca", "tls_certificate", "tls_key")),
    )

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        for field in self.fields.values():
            if isinstance(field, forms.IntegerField):
                # SQLite stores larger ones, with which neither dates nor time spans can be reckoned.
                field.validators.append(MaxValueValidator(LARGEST_NUMBER))
        self.fields["retry_attempts"].validators.append(MinValueValidator(1))

    def sections(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields under their headings."""
        return [(heading, [self[name] for name in names]) for heading, names in self.SECTIONS]

    def clean_ae_title(self) -> str:
        return str(self.cleaned_data["ae_title"]).strip(" ")

    def clean_host(self) -> str:
        host = str(self.cleaned_data["host"]).strip()
        try:
            check_host(host)
        except ValueError as error:
            raise ValidationError(str(error)) from error
        return host

    def clean_transfer_syntax(self) -> str:
        name = str(self.cleaned_data["transfer_syntax"]).strip()
        try:
            return name and (uid_of(name) and name)
        except UnknownTransferSyntax as error:
            raise ValidationError(str(error)) from error

    def clean_role(self) -> str:
        role = str(self.cleaned_data["role"])
        gone = self.instance.pk is not None and self.initial["role"] == Node.Role.STORAGE != role
        if gone and (waiting := self.instance.items.queued().count()):
            raise ValidationError(
                f"images are queued for it ({waiting}): let them be sent or move them first, or disable the node"
            )
        return role

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        try:
            check_delays(cleaned.get("retry_initial") or 0, cleaned.get("retry_limit") or 0)
        except ValueError as error:
            self.add_error("retry_limit", str(error))
        if cleaned.get("ae_title") and cleaned.get("role") == Node.Role.STORAGE:
            self._check_titles(cleaned)
        return cleaned

    def _check_titles(self, cleaned: dict[str, Any]) -> None:
        """Every called AE title may lead to one place only."""
        own = settings.CAPACITOR.ae_title
        others = title_book(exclude=self.instance.pk).titles()
        prefixed = settings.CAPACITOR.ae_title_prefix + cleaned["ae_title"]
        for field, titles in (("ae_title", [cleaned["ae_title"]]), ("aliases", cleaned.get("aliases") or [])):
            for title in titles:
                if title == own:
                    self.add_error(field, f"{title} is the router's own AE title")
                elif title in others:
                    self.add_error(field, f"{title} already leads to {others[title]}")
        if "ae_title" in cleaned and prefixed != cleaned["ae_title"] and prefixed in others:
            self.add_error("ae_title", f"{prefixed}, which would mean this node, already leads to {others[prefixed]}")


class KnownSenderForm(MergingForm):
    """Somebody who may send."""

    class Meta:
        model = KnownSender
        fields = ["ae_title", "network", "description", "enabled"]

    def clean_ae_title(self) -> str:
        return str(self.cleaned_data["ae_title"]).strip(" ")
