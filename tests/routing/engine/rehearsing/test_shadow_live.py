"""A hostile draft as a shadow under a real worker: the images that count do not notice."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.router import until
from tests.builders import ct_image
from tests.routing.engine.engine import ADOPT, NODE_AND_SCRIPTS, Engine

pytestmark = pytest.mark.integration
HOSTILE = """
local name = dataset:Get('PatientName')
study.n = 1000
if name == 'LOOP' then while true do end end
if name == 'MEMORY' then local s = 'x' while true do s = s .. s end end
if name == 'PATTERN' then local s = ('a'):rep(40) s:find(('a*'):rep(20) .. 'b') end
if name == 'FILES' then io.open('/etc/passwd') end
route:Drop()
"""
SHADOW = """
from routing.models import Rehearsal
from routing.trials.rehearsal import begin_shadow
entry = {"key": "1", "description": "", "enabled": True, "script": sys.argv[1], "conditions": [], "ae_titles": []}
made = begin_shadow({"entries": [{**entry, "on_error": "skip"}], "libraries": {}}, "anna")
Rehearsal.objects.filter(pk=made.pk).update(position=0)
"""
IMAGES = {"LOOP": "fails", "MEMORY": "fails", "PATTERN": "fails", "FILES": "errors", "FINE": "routes"}


@pytest.mark.integration
def test_whatever_a_shadow_does_the_images_are_prepared_as_if_it_were_not_there(
    make_engine: Callable[..., Engine],
) -> None:
    engine = make_engine(CAPACITOR_LUA_SECONDS="1", CAPACITOR_LUA_MEMORY="16")
    engine.python(NODE_AND_SCRIPTS, "study.n = (study.n or 0) + 1")
    engine.python(SHADOW, HOSTILE)
    names = {engine.image(ct_image(PatientName=name, StudyInstanceUID="1.2.9")).id: name for name in IMAGES}
    engine.python(ADOPT)
    engine.worker("prepare", "rehearse")

    def counted() -> dict[str, int]:
        found: dict[str, int] = json.loads(engine.rows("SELECT counts FROM routing_rehearsal")[0][0])
        return found

    until(lambda: sum(counted().values()) == len(IMAGES), 60, "the shadow has tried all images")
    assert engine.states() == {"Prepared": len(IMAGES)}
    assert effects(engine, names) == IMAGES
    values: Any = engine.rows("SELECT \"values\" FROM routing_scopedstate WHERE scope = 'study'")
    assert json.loads(values[0][0]) == {"n": len(IMAGES)}
    assert engine.rows("SELECT state FROM routing_rehearsal") == [("running",)]


def effects(engine: Engine, names: dict[int, str]) -> dict[str, str]:
    return {names[item]: effect for item, effect in engine.rows("SELECT item_id, effect FROM routing_rehearsedimage")}
