"""The two multi-file projects of the Lua filter page, run as they stand there."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts_app.core.outcome import Verdict
from tests.scripts_app.core.builders import PlainFacts, entry, row, run
from tests.scripts_app.core.test_lua_page_examples import CT_ONLY, MG_ONLY, as_modality, routed

PROJECT = Path(__file__).resolve().parents[2] / "lua_page" / "queue_aware"
LIBRARIES = {str(path.relative_to(PROJECT)): path.read_text(encoding="utf-8") for path in PROJECT.rglob("*.lua")}
SMART = "scripts/route-smart.lua"


@pytest.mark.parametrize(
    ("failed", "backlog", "verdict", "lines", "comments"),
    [
        (0, 0, Verdict.PREPARED, [], []),
        (51, 0, Verdict.RETRY, ["ARCHIVE has\t51\tfailures — holding"], []),
        (0, 201, Verdict.PREPARED, ["ARCHIVE backlog at\t201\t— routing with warning"], ["ROUTED_UNDER_BACKLOG:201"]),
        (1, 0, Verdict.PREPARED, ["Study has\t1\tof\t1\titems failed"], ["PARTIAL_STUDY: 1/1 failed"]),
    ],
)
def test_the_project_with_queue_aware_routing_and_shared_libraries(
    failed: int, backlog: int, verdict: Verdict, lines: list[str], comments: list[str]
) -> None:
    rows = [row(destinationAeTitle="ARCHIVE", state="Failed")] * failed
    rows += [row(destinationAeTitle="ARCHIVE", state="New")] * backlog
    anonymize = "include('libs/phi.lua')\nstrip_phi(dataset)\ndataset:Set('PatientID', uid())"
    outcome = run(
        entry(anonymize, ae_titles=("VIEWER_TEST",)),
        entry(LIBRARIES[SMART], chunk=SMART, conditions=CT_ONLY),
        facts=PlainFacts(rows=rows),
        libraries=LIBRARIES,
    )
    assert outcome.verdict is verdict
    assert [line.message for line in outcome.log] == lines
    assert [change.new for change in outcome.changes if change.keyword == "ImageComments"] == comments
    assert outcome.entries[0].reason == "destination is 'PACS', wanted VIEWER_TEST"


def test_the_project_with_fan_out_and_de_identification() -> None:
    script = """
        include('libs/phi.lua')

        route:Add('RESEARCH', function(ds)
            strip_phi(ds)
            ds:Set('PatientID', uid())
        end)

        route:Add('CLOUD_AI', function(ds)
            strip_phi(ds)
            ds:Set('PatientName', 'DEIDENTIFIED')
            ds:Set('PatientID', uid())
            ds:Set('StudyInstanceUID', uid())
            ds:Set('SeriesInstanceUID', uid())
            ds:Set('SOPInstanceUID', uid())
        end)

        log:info('Mammography fan-out:',
            file.sourceAeTitle, '->', file.destinationAeTitle,
            '+ RESEARCH + CLOUD_AI')
    """
    outcome = routed(as_modality("MG"), entry(script, conditions=MG_ONLY), libraries=LIBRARIES)
    assert [output.identity.patient_name for output in outcome.outputs] == [
        "CompressedSamples^CT1",
        "ANONYMOUS",
        "DEIDENTIFIED",
    ]
    assert [line.message for line in outcome.log] == ["Mammography fan-out:\tSCANNER\t->\tPACS\t+ RESEARCH + CLOUD_AI"]
