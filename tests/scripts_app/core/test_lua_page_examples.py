"""The twelve examples of the Lua filter page, run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts_app.core.conditions.condition import Condition
from scripts_app.core.outcome import Outcome, Verdict
from scripts_app.core.ports import Entry
from tests.scripts_app.core.builders import PlainFacts, entry, row, run

CT_ONLY = (Condition("0008,0060", "CT"),)
MG_ONLY = (Condition("0008,0060", "MG"),)
FACTS = PlainFacts(
    nodes=[
        "PACS",
        "AI_SERVER",
        "MAMMO_PACS",
        "AI_VENDOR",
        "TEACHING_ARCHIVE",
        "VASCULAR_PACS",
        "LARGE_STUDY_ARCHIVE",
        "RESEARCH_ARCHIVE",
        "RESEARCH",
        "CLOUD_AI",
        "ARCHIVE",
    ]
)

PHI = (Path(__file__).resolve().parents[2] / "lua_page/examples/libs/phi.lua").read_text(encoding="utf-8")


def as_modality(modality: str) -> Entry:
    return entry(f"dataset:Set('Modality', '{modality}')")


def routed(*scripts: str | Entry, facts: PlainFacts = FACTS, libraries: dict[str, str] | None = None) -> Outcome:
    outcome = run(*scripts, facts=facts, libraries=libraries)
    assert [report.reason for report in outcome.entries if report.status == "error"] == []
    return outcome


def destinations(outcome: Outcome) -> list[str]:
    return [output.destination for output in outcome.outputs]


def test_example_1_anonymize_all_images() -> None:
    outcome = routed(
        """
        dataset:Set('PatientName', 'ANONYMOUS')
        dataset:Set('PatientID', '00000')
        dataset:Remove('PatientBirthDate')
        dataset:Remove('PatientAddress')
        dataset:Remove('ReferringPhysicianName')
        """
    )
    assert (outcome.outputs[0].identity.patient_name, outcome.outputs[0].identity.patient_id) == ("ANONYMOUS", "00000")


def test_example_2_route_ct_images_to_an_ai_server() -> None:
    script = entry("route:Add('AI_SERVER')", conditions=CT_ONLY)
    assert destinations(routed(script)) == ["PACS", "AI_SERVER"]
    assert destinations(routed(as_modality("MR"), script)) == ["PACS"]


def test_example_3_fan_out_with_per_destination_anonymization() -> None:
    outcome = routed(
        as_modality("MG"),
        entry(
            """
            route:Add('MAMMO_PACS')
            route:Add('AI_VENDOR', function(ds)
                ds:Set('PatientName', 'ANONYMOUS')
                ds:Set('PatientID', '00000')
                ds:Set('InstitutionName', 'REDACTED')
            end)
            route:Add('TEACHING_ARCHIVE', function(ds)
                ds:Set('PatientName', 'TEACHING')
                ds:Set('PatientID', uid())
                ds:Set('StudyInstanceUID', uid())
                ds:Set('SeriesInstanceUID', uid())
                ds:Set('SOPInstanceUID', uid())
                ds:Remove('PatientBirthDate')
                ds:Remove('PatientAddress')
                ds:Remove('ReferringPhysicianName')
            end)
            """,
            conditions=MG_ONLY,
        ),
    )
    names = {output.destination: output.identity.patient_name for output in outcome.outputs}
    assert names == {
        "PACS": "CompressedSamples^CT1",
        "MAMMO_PACS": "CompressedSamples^CT1",
        "AI_VENDOR": "ANONYMOUS",
        "TEACHING_ARCHIVE": "TEACHING",
    }
    teaching = outcome.outputs[3].identity
    uids = {teaching.study_instance_uid, teaching.series_instance_uid, teaching.sop_instance_uid}
    assert len(uids) == 3
    assert all(uid.startswith("2.25.") for uid in uids)


def test_example_4_drop_and_reroute() -> None:
    conditions = (Condition("0008,0060", "US"), Condition("0008,1030", "*VASCULAR*"))
    redirect = entry("route:Add('VASCULAR_PACS')\nroute:Drop()", conditions=conditions)
    vascular = "dataset:Set('Modality', 'US') dataset:Set('StudyDescription', 'US VASCULAR LEG')"
    assert destinations(routed(vascular, redirect)) == ["VASCULAR_PACS"]
    assert destinations(routed(as_modality("US"), redirect)) == ["PACS"]


def test_example_5_tag_by_source_scanner() -> None:
    script = """
        local sources = {
            SCANNER = 'CT Room 1 - Main',
            MR_SCANNER    = 'MRI Suite A',
        }
        local label = sources[file.sourceAeTitle]
        if label then
            dataset:Set('StationName', label)
        end
    """
    assert [change.new for change in routed(script).changes] == ["CT Room 1 - Main"]


@pytest.mark.parametrize(("before", "expected"), [(499, ["PACS"]), (500, ["PACS", "LARGE_STUDY_ARCHIVE"])])
def test_example_6_study_level_counting_with_conditional_routing(before: int, expected: list[str]) -> None:
    script = """
        study.image_count = (study.image_count or 0) + 1
        if study.image_count > 500 then
            route:Add('LARGE_STUDY_ARCHIVE')
        end
    """
    outcome = routed(f"study.image_count = {before}", script)
    assert destinations(outcome) == expected
    assert outcome.state["study"] == {"image_count": before + 1}


def test_example_7_shared_library() -> None:
    script = """
        include('libs/phi.lua')
        route:Add('RESEARCH_ARCHIVE', function(ds)
            strip_phi(ds)
            ds:Set('PatientID', uid())
        end)
    """
    copy = routed(script, libraries={"libs/phi.lua": PHI}).outputs[1].identity
    assert copy.patient_name == "ANONYMOUS"
    assert re.fullmatch(r"2\.25\.\d+", copy.patient_id)


def test_example_8_destination_specific_enrichment() -> None:
    script = entry(
        "dataset:Set('InstitutionName', 'GENERAL HOSPITAL')\ndataset:Set('InstitutionalDepartmentName', 'RADIOLOGY')",
        ae_titles=("AI_SERVER",),
    )
    assert routed(script).changes == ()
    assert len(run(script, facts=FACTS, destination_ae_title="AI_SERVER").changes) == 2


def test_example_9_validate_required_tags() -> None:
    validate = entry(
        """
        local required = {'PatientID', 'PatientName', 'Modality', 'StudyInstanceUID'}
        for _, tag in ipairs(required) do
            if dataset:Get(tag) == nil then
                error('fail: missing required tag ' .. tag)
            end
        end
        """,
        on_error="fail",
    )
    assert routed(validate).verdict is Verdict.PREPARED
    outcome = run("dataset:Remove('Modality')", validate)
    assert outcome.verdict is Verdict.FAILED
    assert outcome.message.endswith("fail: missing required tag Modality")


def test_example_10_timestamp_injection_and_string_manipulation() -> None:
    script = """
        local desc = dataset:Get('StudyDescription') or ''
        dataset:Set('StudyDescription', string.upper(desc))
        dataset:Set('ContentDate', os.date('%Y%m%d'))
        dataset:Set('ContentTime', os.date('%H%M%S'))
    """
    assert [change.keyword for change in routed(script).changes] == ["StudyDescription", "ContentDate", "ContentTime"]


@pytest.mark.parametrize(
    ("failed", "pending", "expected", "lines"),
    [
        (0, 0, ["PACS", "AI_SERVER"], []),
        (21, 0, ["PACS"], ["AI_SERVER has 21 failures, skipping"]),
        (0, 101, ["PACS"], ["AI_SERVER backlog at 101, skipping"]),
    ],
)
def test_example_11_queue_aware_routing(failed: int, pending: int, expected: list[str], lines: list[str]) -> None:
    script = """
        local failed = queue:countByDestination('AI_SERVER', 'Failed')
        local pending = queue:countByDestination('AI_SERVER', 'New')
        if failed > 20 then
            print('AI_SERVER has ' .. failed .. ' failures, skipping')
        elseif pending > 100 then
            print('AI_SERVER backlog at ' .. pending .. ', skipping')
        else
            route:Add('AI_SERVER')
        end
    """
    rows = [row(destinationAeTitle="AI_SERVER", state="Failed")] * failed
    rows += [row(destinationAeTitle="AI_SERVER", state="New")] * pending
    outcome = routed(entry(script, conditions=CT_ONLY), facts=PlainFacts(rows=rows))
    assert destinations(outcome) == expected
    assert [line.message for line in outcome.item_log] == lines


def test_example_12_study_completeness_check() -> None:
    script = """
        local total = study.queue:totalCount()
        local prepared = study.queue:countByState('Prepared')
        local failed = study.queue:countByState('Failed')
        if failed > 0 and prepared > 0 then
            dataset:Set('ImageComments',
                'PARTIAL_STUDY: ' .. failed .. ' of ' .. total .. ' failed')
        end
    """
    rows = [row(state="Prepared"), row(state="Failed"), row(state="New")]
    assert [change.new for change in routed(script, facts=PlainFacts(rows=rows)).changes] == [
        "PARTIAL_STUDY: 1 of 3 failed"
    ]
    assert routed(script).changes == ()
