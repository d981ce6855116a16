"""Write YAML that a person likes to read and ``yaml_file`` reads back unchanged."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

_BREAKS = frozenset("\x85\u2028\u2029")
"""Line breaks to YAML (1.1), which folds them into spaces; the emitter escapes them only inside quotes."""


class _Representer(RoundTripRepresenter):
    """With a representer of its own, so that other users of the library keep theirs."""


def _text(representer: _Representer, text: str) -> ScalarNode:
    style = None if _BREAKS.isdisjoint(text) else '"'
    node: ScalarNode = representer.represent_scalar("tag:yaml.org,2002:str", text, style=style)
    return node


_Representer.add_representer(str, _text)


def dump(value: Sequence[Any] | Mapping[str, Any], heading: str) -> str:
    """The YAML text of plain lists, dicts and scalars, under a comment."""
    return f"# {heading}\n" + _dump(value)


def block(text: str) -> str:
    """Lua code as a ``|`` block; quoted where a block cannot hold it (control characters)."""
    literal: str = LiteralScalarString(text)
    try:
        node = YAML().compose(_dump([{"Script": literal}, {"Script": literal}]))
        kept = [item.value[0][1].value for item in node.value]
    except YAMLError:
        kept = []
    if kept != [text, text]:
        literal = DoubleQuotedScalarString(text)
    return literal


def _dump(value: Sequence[Any] | Mapping[str, Any]) -> str:
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 1_000_000
    stream = io.StringIO()
    yaml.dump(value, stream)
    # The emitter indents a list at the top of the file, too, which nobody writes by hand.
    lines = stream.getvalue().split("\n")
    if isinstance(value, Mapping) or not value or any(line and not line.startswith("  ") for line in lines):
        return stream.getvalue()
    return "\n".join(line[2:] for line in lines)
