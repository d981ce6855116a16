"""Read and write senders.yml: who may send; a file of this router's own, for the product takes images from anybody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from ruamel.yaml.nodes import Node as YamlNode

from routing.models import KnownSender
from scripts_app.configuration.yaml_file import YamlFile, line_of
from scripts_app.configuration.yaml_text import dump

FILE = "senders.yml"
KEYS = {"AeTitle": "ae_title", "Network": "network", "Description": "description", "Enabled": "enabled"}
"""What the file calls the columns, in the order of export."""
_NAMES = {column: name for name, column in KEYS.items()}


@dataclass(frozen=True, slots=True)
class WrittenSender:
    """One sender as the author wrote it."""

    ae_title: str
    network: str
    description: str
    enabled: bool
    line: int = field(compare=False, default=0)

    @property
    def identity(self) -> tuple[str, str]:
        return self.ae_title, self.network

    @property
    def values(self) -> dict[str, Any]:
        return {column: getattr(self, column) for column in _NAMES}

    def __str__(self) -> str:
        return f"sender {self.ae_title} from {self.network or 'anywhere'}"


def sender_of(row: KnownSender) -> WrittenSender:
    """The row as senders.yml would say it."""
    return WrittenSender(row.ae_title, row.network, row.description, row.enabled)


def read_senders(text: str, file: YamlFile) -> tuple[WrittenSender, ...]:
    """The senders in order; mistakes go to ``file``."""
    senders = tuple(_read(item, file) for item in file.items(file.parse(text), FILE))
    seen: dict[tuple[str, str], WrittenSender] = {}
    for sender, item in senders:
        first = seen.setdefault(sender.identity, sender)
        if first is not sender:
            where = sender.network or "anywhere"
            file.report(item, f"AeTitle {sender.ae_title!r} from {where} is on line {first.line} already")
    return tuple(sender for sender, _ in senders)


def _read(item: YamlNode, file: YamlFile) -> tuple[WrittenSender, YamlNode]:
    found = file.keys(item, KEYS, "a sender")
    ae_title, network, description = (
        file.text(found.get(name), name).strip() for name in ("AeTitle", "Network", "Description")
    )
    sender = WrittenSender(
        ae_title, network, description, file.flag(found.get("Enabled"), "Enabled", default=True), line_of(item)
    )
    try:
        KnownSender(**sender.values).clean_fields()
    except ValidationError as error:
        for column, messages in error.message_dict.items():
            file.report(found.get(_NAMES[column], item), f"{_NAMES[column]}: {messages[0]}")
    return sender, item


def senders_text(rows: Iterable[KnownSender]) -> str:
    """senders.yml: of every sender what differs from the defaults."""
    written = []
    for row in rows:
        keys: dict[str, Any] = {"AeTitle": row.ae_title}
        if row.network:
            keys["Network"] = row.network
        if row.description:
            keys["Description"] = row.description
        if not row.enabled:
            keys["Enabled"] = False
        written.append(keys)
    return dump(written, "Who may send; without a Network from anywhere.")
