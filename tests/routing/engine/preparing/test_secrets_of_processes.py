"""A whole router that was given secrets, and a live script that looks for them in every process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.acceptance.router import accepts, until
from tests.builders import ct_image
from tests.ports import free_port
from tests.routing.engine.engine import ADOPT, NODE_AND_SCRIPTS, MakeEngine, stop

SECRET = "a-secret-that-is-nowhere-else"
LOOKS = f"""
    local function looked_at(process)
        local file = assert(io.open('/proc/' .. process .. '/environ', 'rb'))
        local text = file:read('a')
        file:close()
        print(text:find('CAPACITOR_DATA_DIR=', 1, true) ~= nil, text:find('{SECRET}', 1, true))
    end
    looked_at('self')
    for ancestor in io.popen('p=$PPID; for i in 1 2; do p=$(cut -d" " -f4 /proc/$p/stat); echo $p; done'):lines() do
        looked_at(ancestor)
    end
    print(io.popen('grep -l {SECRET} /proc/[0-9]*/environ 2>/dev/null | wc -l'):read('n'))
"""


@pytest.mark.integration
@pytest.mark.fault(63, "/proc/<pid>/environ of the script, its parents and every other process, as the router's user")
def test_a_script_finds_no_secret_in_the_environment_of_any_process(
    make_engine: MakeEngine, seen: Callable[[str], None]
) -> None:
    port = free_port()
    secrets = ("CAPACITOR_SECRET_KEY", "CAPACITOR_ADMIN_PASSWORD", "DJANGO_SECRET_KEY", "PGPASSWORD")
    engine = make_engine(CAPACITOR_WEB_PORT=str(port), **dict.fromkeys(secrets, SECRET))
    engine.python(NODE_AND_SCRIPTS, LOOKS)
    router = engine.start("up")
    until(lambda: accepts(engine.port) and accepts(port), 60, "listener and site are there")
    identifier = engine.image(ct_image()).id
    # What adopts here is no process of the router, and may still be there when the script looks.
    for name in secrets:
        del engine.environment[name]
    engine.python(ADOPT)
    until(lambda: engine.states() and not engine.states().get("New"), 60, "it is prepared")
    lines = engine.rows("SELECT text FROM routing_itemlogline WHERE item_id = ? ORDER BY id", identifier)
    told = [text for (text,) in lines if text[0] in "tf0123456789"]
    # Itself, its watchdog, the supervisor; then all processes there are.
    assert told == ["true\tnil"] * 3 + ["0"], lines
    assert stop(router) == 0
    seen("not found in the script's process, its watchdog, the supervisor, listener and site")
