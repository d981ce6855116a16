"""Scripts that mean harm, tried over HTTP: each is a result, and the web process goes on as if nothing had been."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.images import image, write
from tests.pages.author import Author
from tests.pages.processes import below
from tests.pages.site import running_site

pytestmark = [pytest.mark.integration, pytest.mark.browser]
MIB = 1 << 20
HOSTILE = {
    "never ends": ("while true do pcall(function() while true do end end) end", "exceeded its limit of 1 s"),
    "never ends in C": ('return (("a"):rep(60)):find(("a*"):rep(30) .. "b")', "exceeded its limit of 1 s"),
    "eats memory": ("local t = {} while true do t[#t + 1] = ('x'):rep(1000000) end", "exceeded its limit"),
    "talks without end": ("for i = 1, 1e6 do print(('x'):rep(10000)) end", ""),
    "nests without end": ("local function f() return f() + 1 end f()", ""),
    "keeps state without end": ("for i = 1, 2e5 do study[i] = ('x'):rep(1000) end", ""),
    "starts programs": ("os.execute('sleep 60')", "os.execute"),
    "ends the process": ("os.exit(1)", "os.exit"),
    "reads files": ("print(io.open('/etc/passwd'):read('a'))", "io.open"),
}


def resident(pid: int) -> int:
    """Bytes of memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_hostile_scripts_are_results_and_leave_the_web_process_untouched(tmp_path, monkeypatch):
    monkeypatch.setenv("CAPACITOR_LUA_SECONDS", "1")
    with running_site(tmp_path / "data") as site, ThreadPoolExecutor() as threads:
        site.elsewhere("from tests.builders import node\nnode('PACS')")
        author = Author(site)
        author.post("/scripts/sample/", {}, write(image("CT"), tmp_path / "ct.dcm").read_bytes())

        def tried(script: str) -> str:
            return author.post("/scripts/dry-run/", {"key": "new", "script": script, "destination": "PACS"})

        assert "ran" in tried("print(1)")
        before, processes = resident(site.pid), below(site.pid)
        for name, (script, told) in HOSTILE.items():
            answer = threads.submit(tried, script)
            # While it does its worst, others are served.
            with urlopen(f"{site.url}/healthz", timeout=60) as health:
                assert health.status == 200
            assert told in answer.result(), name
            assert "Entries" in answer.result(), name
        assert below(site.pid) == processes, "nothing was left running, and the process for dry runs is the same"
        assert resident(site.pid) - before < 150 * MIB
        assert "ran" in tried("print(1)")
        site.elsewhere("from scripts_app.models import *\nassert not QueueItem.objects.exists()")
