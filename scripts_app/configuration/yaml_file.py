"""Read one YAML file as text with line numbers: every scalar stays as it was written."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from scripts_app.configuration.files import is_unicode
from scripts_app.configuration.problem import Problem
from scripts_app.core.nearest import did_you_mean

MOST_NODES = 200_000
"""Aliases can blow a small file up without end; no real configuration comes near."""
_NULL = {"", "~", "null", "Null", "NULL"}
_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class _TooLarge(Exception):
    """The file is endless, or nearly so."""


@dataclass
class YamlFile:
    """
    One file and the problems found in it so far.

    The readers below never raise: what they cannot read they report, and
    answer a harmless value, so that one pass finds every mistake.
    """

    name: str
    problems: list[Problem] = field(default_factory=list)

    def parse(self, text: str) -> Node | None:
        """The root node; None for an empty file or one that is not YAML, which is then reported."""
        try:
            root: Node | None = YAML(typ="safe", pure=True).compose(text)
            _count(root, ())
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            what = error.problem or error.context or "cannot be read"
            self.problems.append(Problem(self.name, mark.line + 1 if mark else None, f"not valid YAML: {what}"))
            return None
        except (YAMLError, ValueError, RecursionError, _TooLarge) as error:
            message = "nested too deep" if isinstance(error, RecursionError) else str(error).splitlines()[0]
            self.problems.append(Problem(self.name, None, f"not valid YAML: {message}"))
            return None
        return root

    def report(self, node: Node, message: str) -> None:
        self.problems.append(Problem(self.name, line_of(node), message))

    def items(self, node: Node | None, what: str) -> list[Node]:
        """The items of a list; nothing for a blank."""
        if node is None or is_blank(node):
            return []
        if not isinstance(node, SequenceNode):
            self.report(node, f"{what} must be a list")
            return []
        return list(node.value)

    def keys(self, node: Node, known: Collection[str], what: str) -> dict[str, Node]:
        """The values of a mapping by key; unknown and repeated keys are reported."""
        if not isinstance(node, MappingNode):
            self.report(node, f"{what} must be made of keys and values")
            return {}
        found: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or key.value not in known:
                name = key.value if isinstance(key, ScalarNode) else "(not a text)"
                self.report(key, f"{what} has no key {name!r}{did_you_mean(str(name), known)}")
            elif key.value in found:
                first = line_of(found[key.value])
                self.report(key, f"{key.value} is given twice in {what}; the first is on line {first}")
            else:
                found[key.value] = value
        return found

    def text(self, node: Node | None, what: str) -> str:
        """The scalar as written; blank is an empty text."""
        if node is None or is_blank(node):
            return ""
        if not isinstance(node, ScalarNode):
            self.report(node, f"{what} must be one text")
            return ""
        if "\0" in node.value:
            self.report(node, f"{what} has a NUL character")
            return ""
        if not is_unicode(node.value):
            self.report(node, f"{what} has half a character (\\uD800 to \\uDFFF): write the character itself")
            return ""
        return str(node.value)

    def texts(self, node: Node | None, what: str) -> tuple[str, ...]:
        return tuple(self.text(item, f"an item of {what}") for item in self.items(node, what))

    def flag(self, node: Node | None, what: str, default: bool) -> bool:
        text = self.text(node, what).strip()
        if node is None or text == "":
            return default
        if text.casefold() not in _FLAGS:
            self.report(node, f"{what} is {text!r}; it must be true or false")
        return _FLAGS.get(text.casefold(), default)

    def number(self, node: Node | None, what: str, low: int, high: int) -> int | None:
        """A whole number; None for a blank."""
        text = self.text(node, what).strip()
        if node is None or text == "":
            return None
        try:
            number = int(text) if text.isascii() else None
        except ValueError:
            number = None
        if number is None:
            self.report(node, f"{what} is {text!r}; it must be a whole number from {low} to {high}")
        elif not low <= number <= high:
            near = min(max(number, low), high)
            self.report(node, f"{what} is {number}; it must be from {low} to {high}, the nearest is {near}")
        else:
            return number
        return None

    def choice(self, node: Node | None, what: str, allowed: Collection[str], default: str) -> str:
        text = self.text(node, what).strip()
        if node is None or text == "":
            return default
        for value in allowed:
            if value.casefold() == text.casefold():
                return value
        self.report(node, f"{what} is {text!r}; it must be one of {', '.join(allowed)}{did_you_mean(text, allowed)}")
        return default


def line_of(node: Node) -> int:
    """1-based line on which the node starts."""
    return int(node.start_mark.line) + 1


def is_blank(node: Node) -> bool:
    """Nothing was written, or an unquoted null."""
    return isinstance(node, ScalarNode) and node.style is None and node.value in _NULL


def first_line_of_text(node: Node) -> int:
    """1-based line on which the text itself starts: after the ``|`` of a block."""
    return line_of(node) + (1 if isinstance(node, ScalarNode) and node.style in ("|", ">") else 0)


def _count(root: Node | None, above: tuple[int, ...]) -> int:
    """How many nodes a reader would meet; _TooLarge when they do not end."""
    if root is None:
        return 0
    if id(root) in above:
        raise _TooLarge("an anchor contains itself")
    total = 1
    for inner in _inner(root):
        total += _count(inner, (*above, id(root)))
        if total > MOST_NODES:
            raise _TooLarge(f"more than {MOST_NODES} values")
    return total


def _inner(node: Node) -> Iterator[Node]:
    if isinstance(node, SequenceNode):
        yield from node.value
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            yield key
            yield value
