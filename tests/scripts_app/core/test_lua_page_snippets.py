"""Every piece of Lua that the Lua filter page shows beside its sentences, run as it stands there."""

from __future__ import annotations

from pathlib import Path

from scripts_app.core.outcome import Outcome, Verdict
from tests.scripts_app.core.builders import PlainFacts, row, run

SNIPPETS = Path(__file__).resolve().parents[2] / "lua_page" / "snippets"


def snippet(name: str, **options) -> Outcome:
    outcome = run((SNIPPETS / f"{name}.lua").read_text(), **options)
    assert [report.reason for report in outcome.entries if report.status == "error"] == []
    return outcome


def edits(outcome: Outcome, output: int = 0) -> dict[str, str | None]:
    return {change.keyword: change.new for change in outcome.outputs[output].changes}


def printed_by(outcome: Outcome) -> list[str]:
    return [line.message for line in outcome.item_log]


def test_the_piece_about_dataset() -> None:
    assert edits(snippet("dataset")) == {"PatientName": "ANONYMOUS", "PatientID": "NEW_ID", "PatientBirthDate": None}


def test_the_piece_about_route() -> None:
    outcome = snippet("route")
    assert [(output.destination, output.original) for output in outcome.outputs] == [
        ("AI_SERVER", False),
        ("RESEARCH", False),
    ]
    assert edits(outcome) == {}
    assert edits(outcome, 1) == {"PatientName": "ANONYMOUS", "PatientID": "00000", "PatientBirthDate": None}


def test_the_piece_about_file() -> None:
    assert edits(snippet("file")) == {}
    assert edits(snippet("file", source_ae_title="CT_SCANNER_1")) == {"StationName": "CT Room 1"}
    assert edits(snippet("file", destination_ae_title="EXTERNAL_PACS")) == {"PatientBirthDate": None}


def test_the_piece_about_queue() -> None:
    outcome = snippet("queue", facts=PlainFacts(rows=[row(), row()]))
    assert printed_by(outcome) == ["Pending items:\t2"]
    assert [output.destination for output in outcome.outputs] == ["PACS", "AI_SERVER"]
    outcome = snippet("queue", facts=PlainFacts(rows=[row(state="Failed", destinationAeTitle="AI_SERVER")] * 11))
    assert printed_by(outcome) == ["Pending items:\t0", "AI_SERVER has too many failures, skipping"]
    assert [output.destination for output in outcome.outputs] == ["PACS"]


def test_the_piece_about_study_queue() -> None:
    rows = [row(destinationAeTitle="PACS"), row(destinationAeTitle="AI_SERVER", state="Prepared")]
    assert printed_by(snippet("study_queue", facts=PlainFacts(rows=rows))) == ["Study destinations:\t2"]
    waiting = run((SNIPPETS / "study_queue.lua").read_text(), facts=PlainFacts(rows=[row()] * 3))
    assert waiting.verdict is Verdict.RETRY
    assert waiting.message.endswith("retry: waiting for study to complete (3 images pending)")


def test_the_piece_about_queue_items() -> None:
    rows = [row(destinationAeTitle="PACS", modality="CT"), row(state="Failed", destinationAeTitle="B", modality="SR")]
    assert printed_by(snippet("queue_items", facts=PlainFacts(rows=rows))) == ["New\tPACS\tCT", "Failed\tB\tSR"]


def test_the_piece_about_study_and_series() -> None:
    state = snippet("study_and_series").state
    assert state["study"] == {"image_count": 1}
    assert state["series"] == {"last_instance": "1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"}


def test_the_piece_about_log() -> None:
    assert [(line.level, line.message) for line in snippet("log").log] == [
        ("info", "Processing started for\t1CT1"),
        ("warning", "Destination backlog detected:\tnil\titems"),
        ("error", "Required tag missing — failing file"),
    ]


def test_the_piece_about_print() -> None:
    assert printed_by(snippet("print")) == ["Processing\tCompressedSamples^CT1", "Modality:\tCT"]


def test_the_piece_about_uid() -> None:
    made = edits(snippet("uid"), 1)
    assert list(made) == ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"]
    assert len(set(made.values())) == 3


def test_the_piece_about_include_and_its_library() -> None:
    library = (SNIPPETS / "libs" / "anonymize.lua").read_text()
    made = edits(snippet("include", libraries={"libs/anonymize.lua": library}))
    assert made == {
        "PatientName": "ANONYMOUS",
        "PatientID": "00000",
        "PatientBirthDate": None,
        "ReferringPhysicianName": None,
    }


def test_the_piece_about_the_standard_library() -> None:
    made = edits(snippet("standard_library"))
    assert len(str(made["ContentDate"])) == 8
    assert made["StudyDescription"] == "E+1"


def test_the_piece_about_errors() -> None:
    assert snippet("error_handling").verdict is Verdict.PREPARED
    text = (SNIPPETS / "error_handling.lua").read_text()
    assert run("dataset:Remove('PatientName')", text).verdict is Verdict.RETRY
    assert run("dataset:Remove('Modality')", text).message.endswith("fail: missing modality")
