"""
How long a dry run takes over HTTP: ``python -m tests.pages.dry_run_speed``.

A CT of half a megabyte through ten entries for three destinations, asked as
the editor does, by one author at a site of its own.
"""

import re
import statistics
import tempfile
import time
from pathlib import Path

from tests.images import image, write
from tests.pages.author import Author
from tests.pages.processes import processor_seconds
from tests.pages.site import running_site

RUNS, WARMING = 60, 5
DATA = """
from tests.builders import lua_entry, node
from scripts_app.models import EntryCondition, LuaLibrary
for title in ("PACS", "AI", "ARCHIVE"):
    node(title)
LuaLibrary.objects.create(path="libs/phi.lua", source=(
    "function strip_phi(ds) for _, k in ipairs({'PatientName', 'PatientBirthDate', 'AccessionNumber'}) do "
    "ds:Remove(k) end end"))
for number, script in enumerate((
    "include('libs/phi.lua')",
    "dataset:Set('InstitutionName', 'General')",
    "study.images = (study.images or 0) + 1",
    "if dataset:Get('Modality') == 'CT' then route:Add('AI', strip_phi) end",
    "dataset:Set('ReferencedImageSequence[1].ReferencedSOPInstanceUID', uid())",
    "route:Add('ARCHIVE')",
    "print('seen', file.sourceAeTitle, dataset:Get('PatientID'))",
    "log:info('count', queue:total())",
    "dataset:Append('RequestAttributesSequence', {ScheduledProcedureStepID = 'S1'})",
)):
    entry = lua_entry(script, description=f"entry {number}")
    EntryCondition.objects.create(entry=entry, tag="Modality", match_expression="C*")
"""


def measured() -> tuple[list[float], float]:
    """Milliseconds of each run, and of processor for each."""
    with tempfile.TemporaryDirectory() as folder, running_site(Path(folder) / "data") as site:
        site.elsewhere(DATA)
        ct = write(image("CT", rows=512, columns=512), Path(folder) / "ct.dcm")
        author = Author(site)
        author.post("/scripts/sample/", {}, ct.read_bytes())
        script = "dataset:Remove('StudyDate')\nroute:Add('AI', function(ds) ds:Set('PatientName', 'ANONYMOUS') end)"
        form = {"key": "new", "script": script, "destination": "PACS", "source_ae_title": "CT_1"}
        took = []
        for run in range(WARMING + RUNS):
            if run == WARMING:
                spent = processor_seconds(site.pid)
            begun = time.perf_counter()
            answer = author.post("/scripts/dry-run/", form)
            took.append((time.perf_counter() - begun) * 1000)
            assert len(re.findall('class="panel flush output"', answer)) == 3, answer
        return took[WARMING:], (processor_seconds(site.pid) - spent) * 1000 / RUNS


if __name__ == "__main__":
    times, processor = measured()
    times.sort()
    middle, slow = statistics.median(times), times[int(len(times) * 0.95)]
    print(
        f"{len(times)} dry runs: median {middle:.0f} ms, 95 % below {slow:.0f} ms; {processor:.0f} ms of processor each"
    )
