"""Read nodes.yml: the nodes as the author wrote them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from ruamel.yaml.nodes import Node as YamlNode

from routing.configuration.node_keys import C_FIND_FAILURE, KEYS, Key, Kind
from routing.core.node_checks import LONGEST_ALIAS, mistakes
from routing.core.syntax_choice import NO_ENCODER, WRITABLE
from routing.core.transfer_syntax import UnknownTransferSyntax, uid_of
from routing.models import Node
from scripts_app.configuration.problem import Problem
from scripts_app.configuration.yaml_file import YamlFile, line_of

FILE = "nodes.yml"
_NAMES = {key.column: key.name for key in KEYS}
_LONGEST_TITLE = 16
_FAILURES = ("legacy_success", "propagate", "legacy", "empty_success", "legacy_empty")


@dataclass(frozen=True, slots=True)
class WrittenNode:
    """One node: every column that nodes.yml speaks of."""

    values: dict[str, Any]
    line: int = field(compare=False)
    long_title: str = field(default="", compare=False)
    """The AeTitle as written, where it is longer than an AE title can be."""

    @property
    def identity(self) -> tuple[str, str]:
        return self.values["ae_title"], self.values["role"]

    @property
    def for_storage(self) -> bool:
        return bool(self.values["role"] == Node.Role.STORAGE)


def read_nodes(text: str, file: YamlFile, notes: list[str], own_ae_title: str) -> tuple[WrittenNode, ...]:
    """The nodes in order; mistakes go to ``file``, and what is of no use here to ``notes``."""
    nodes = tuple(_read_node(item, file, notes) for item in file.items(file.parse(text), "nodes.yml"))
    _check_titles(nodes, file, own_ae_title)
    return nodes


def _read_node(item: YamlNode, file: YamlFile, notes: list[str]) -> WrittenNode:
    found = file.keys(item, [*_NAMES.values(), C_FIND_FAILURE], "a node")
    values = {key.column: _value(key, found.get(key.name), file) for key in KEYS}
    long_title = _shorten(values, line_of(found.get("AeTitle", item)), notes)
    if C_FIND_FAILURE in found:
        file.choice(found[C_FIND_FAILURE], C_FIND_FAILURE, _FAILURES, "legacy_success")
        notes.append(f"{FILE}:{line_of(found[C_FIND_FAILURE])}: {C_FIND_FAILURE} is for queries, which are not handled")
    if "TransferSyntax" in found and (remark := unwritable(values["transfer_syntax"])):
        notes.append(f"{FILE}:{line_of(found['TransferSyntax'])}: TransferSyntax {remark}")
    complained = set()
    for column, message in mistakes(values):
        complained.add(column)
        file.report(found.get(_NAMES[column], item), f"{_NAMES[column]} {message}")
    try:
        Node(**values).clean_fields(exclude=complained)
    except ValidationError as error:
        for column, messages in error.message_dict.items():
            file.report(found.get(_NAMES.get(column, column), item), f"{_NAMES.get(column, column)}: {messages[0]}")
    return WrittenNode(values, line_of(item), long_title)


def unwritable(syntax: str) -> str:
    """What comes of a transfer syntax to send in that nothing here can write; empty where it can, and for a blank."""
    try:
        if not syntax or uid_of(syntax) in WRITABLE:
            return ""
    except UnknownTransferSyntax:
        return ""  # a mistake, which is reported as that
    return f"{syntax}: {NO_ENCODER}; images that come in another transfer syntax are Rejected"


def _shorten(values: dict[str, Any], line: int, notes: list[str]) -> str:
    """
    Cut an AeTitle that is too long, as the network does; the long one becomes an alias and is answered.

    The examples of the Lua filter page route to a node of 19 characters, so
    there are configurations that hold such names and work.
    """
    title: str = values["ae_title"]
    if not _LONGEST_TITLE < len(title) <= LONGEST_ALIAS:
        return ""
    values["ae_title"] = title[:_LONGEST_TITLE].rstrip()
    values["aliases"] = [*values["aliases"], *([title] if title not in values["aliases"] else [])]
    notes.append(
        f"{FILE}:{line}: AeTitle {title!r} has {len(title)} characters, an AE title at most {_LONGEST_TITLE}:"
        f" the node is called {values['ae_title']!r}, scripts may go on using the long name"
    )
    return title


def _value(key: Key, node: YamlNode | None, file: YamlFile) -> Any:
    """The value of one key; blank is the default."""
    match key.kind:
        case Kind.FLAG:
            return file.flag(node, key.name, default=key.default)
        case Kind.ROLE:
            return file.choice(node, key.name, Node.Role.values, key.default)
        case Kind.NUMBER:
            number = file.number(node, key.name, key.low, key.high)
            return key.default if number is None else number
        case Kind.TEXTS:
            return [text.strip(" ") for text in file.texts(node, key.name)]
    text = file.text(node, key.name).strip()
    if key.column == "ae_title":
        # The product's default for a node that does not name itself.
        return text or "DESTINATION"
    return text or key.default


def _check_titles(nodes: Iterable[WrittenNode], file: YamlFile, own_ae_title: str) -> None:
    """A called AE title must mean one node; a title may stand once for each role."""
    seen: dict[tuple[str, str], WrittenNode] = {}
    for node in nodes:
        # Not by their lines: several may stand on one, and an anchor brings one line twice.
        first = seen.setdefault(node.identity, node)
        if first is not node:
            title, role = node.identity
            _report(file, node, f"AeTitle {title!r} with NodeRole {role} is on line {first.line} already")
    for node in nodes:
        if node.for_storage and node.values["ae_title"] == own_ae_title:
            _report(file, node, f"AeTitle {own_ae_title!r} is the router's own AE title (CAPACITOR_AE_TITLE)")
    taken = {node.values["ae_title"]: node for node in nodes if node.for_storage}
    for node in nodes:
        for alias in node.values["aliases"] if node.for_storage else ():
            other = taken.setdefault(alias, node)
            if alias == own_ae_title:
                _report(file, node, f"alias {alias!r} is the router's own AE title")
            elif other is not node:
                _report(file, node, f"alias {alias!r} already means the node {other.values['ae_title']!r}")


def _report(file: YamlFile, node: WrittenNode, message: str) -> None:
    file.problems.append(Problem(file.name, node.line, message))
