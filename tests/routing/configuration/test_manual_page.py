"""The manual's page of configuration files names every key that is read."""

import re
from dataclasses import fields
from pathlib import Path

from capacitor_web.environment import Environment
from routing.configuration.config_yml import COUNTERPARTS
from routing.configuration.node_keys import KEYS
from scripts_app.configuration.lua_yml import CONDITION_KEYS, ENTRY_KEYS

PAGE = (Path(__file__).parents[3] / "docs/manual/configuration-files.md").read_text()


def part(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def first_columns(text: str) -> set[str]:
    rows = re.findall(r"^\| (`[^|]*)\|", text, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_every_key_of_a_node_has_its_line() -> None:
    assert first_columns(part("nodes.yml")) == {key.name for key in KEYS}


def test_every_key_of_an_entry_and_a_condition_is_named() -> None:
    assert {*ENTRY_KEYS, *CONDITION_KEYS} <= set(re.findall(r"`(\w+)`", part("lua.yml")))


def test_every_counterpart_of_config_yml_is_a_setting_that_exists() -> None:
    variables = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", part("config.yml"), re.MULTILINE))
    assert variables == {name: counterpart.variable for name, counterpart in COUNTERPARTS.items()}
    settings = {field.name: field.metadata["name"] for field in fields(Environment)}
    assert {c.attribute: c.variable for c in COUNTERPARTS.values()}.items() <= settings.items()
