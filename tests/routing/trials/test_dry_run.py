"""manage.py dry_run: the JSON of the manual, exit codes, and no effect on anything."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest
from django.conf import settings

from routing.models import Attempt, NodeStatus, QueueItem, ScopedState
from scripts_app.core.dataset.file_meta import encode_file_meta, read_file_meta
from scripts_app.models import ScriptVersion
from tests.builders import CT_IMAGE, EXPLICIT, ct_image, lua_entry, node, queue_item
from tests.routing.trials import dry_runs
from tests.routing.trials.dry_runs import CT, NODES, command, entry, scripts, tried

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]
configuration = dry_runs.configuration
DEFLATED = "1.2.840.10008.1.2.1.99"


def test_the_json_has_exactly_the_keys_of_the_manual(configuration: Path) -> None:
    scripts(
        configuration,
        entry(
            "dataset:Set('PatientName', 'ANONYMOUS')\nprint('seen', 1)\nlog:warn('careful')\nstudy.n = 1",
            "Description: Strip",
        ),
        entry("error('never')", "Conditions:", "  - Tag: Modality", "    MatchExpression: MR"),
        entry("local x = 1\nerror('oops')", "Description: Wrong"),
        entry("route:Add('AI_SERVER', function(ds) ds:Set('PatientID', '1') ds:Remove('StudyDate') end)"),
    )
    result = tried(configuration)
    lint = [found for output in result["outputs"] for found in output.pop("lint")]
    assert {tuple(found) for found in lint} == {("severity", "rule", "tag", "keyword", "message", "detail", "received")}
    changed = {"tag": "0010,0010", "keyword": "PatientName", "old": "CompressedSamples^CT1", "new": "ANONYMOUS"}
    assert result == {
        "result": "prepared",
        "message": "",
        "entries": [
            {"description": "Strip", "status": "ran", "reason": "", "line": None},
            {
                "description": "",
                "status": "skipped",
                "reason": "0008,0060 Modality is 'CT', wanted 'MR' (literal)",
                "line": None,
            },
            {"description": "Wrong", "status": "error", "reason": "oops", "line": 2},
            {"description": "", "status": "ran", "reason": "", "line": None},
        ],
        "outputs": [
            {"destination": "PACS", "original": True, "changes": [changed]},
            {
                "destination": "AI_SERVER",
                "original": False,
                "changes": [
                    changed,
                    {"tag": "0010,0020", "keyword": "PatientID", "old": "1CT1", "new": "1"},
                    {"tag": "0008,0020", "keyword": "StudyDate", "old": "20040119", "new": None},
                ],
            },
        ],
        "item_log": ["seen\t1"],
        "log": [{"level": "warning", "message": "careful"}],
        "state": {"study": {"n": 1}, "series": {}},
    }


@pytest.mark.parametrize(
    ("script", "result", "message"),
    [
        ("route:Drop()", "dropped", ""),
        ("error('retry: later')", "retry", "entry 1, line 1: retry: later"),
        ("error('fail: no')", "failed", "entry 1, line 1: fail: no"),
        ("print(1)", "prepared", ""),
    ],
)
def test_a_result_that_was_reached_is_success_whichever_it_is(
    configuration: Path, script: str, result: str, message: str
) -> None:
    done = tried(scripts(configuration, entry(script)))
    assert (done["result"], done["message"]) == (result, message)
    assert [output["destination"] for output in done["outputs"]] == (["PACS"] if result == "prepared" else [])


def test_changes_tell_what_differs_from_the_received_file_and_not_how_it_came_to_that(configuration: Path) -> None:
    scripts(
        configuration,
        entry("dataset:Set('PatientID', '0') dataset:Set('PatientID', '2')"),
        entry("dataset:Set('StationName', 'X') dataset:Remove('StationName')"),
        entry(
            "local name = dataset:Get('PatientName') dataset:Set('PatientName', 'Y') dataset:Set('PatientName', name)"
        ),
        entry("dataset:Set('ReferencedStudySequence[1].ReferencedSOPInstanceUID', '1.2')"),
    )
    (output,) = tried(configuration)["outputs"]
    changes = {change["tag"]: (change["old"], change["new"]) for change in output["changes"]}
    assert changes["0010,0020"] == ("1CT1", "2")
    assert changes["0008,1110[1].0008,1155"] == (None, "1.2")
    assert "0010,0010" not in changes
    assert [change["tag"] for change in output["changes"]].count("0010,0020") == 1


def test_a_sum_tells_whether_edits_inside_sequences_came_to_the_same(configuration: Path) -> None:
    populate = "dataset:Populate({ReferencedStudySequence = {{ReferencedSOPInstanceUID = '1.2'}}})"
    append = "dataset:Append('ReferencedStudySequence', {ReferencedSOPInstanceUID = '1.2'})"
    other = "dataset:Append('ReferencedStudySequence', {ReferencedSOPInstanceUID = '1.3'})"
    sums = [tried(scripts(configuration, entry(script)))["outputs"][0]["sum"] for script in (populate, append, other)]
    assert sums[0] == sums[1] != sums[2]


def test_an_output_whose_bytes_do_not_change_has_no_changes(configuration: Path) -> None:
    (output,) = tried(scripts(configuration, entry("dataset:Set('PatientID', dataset:Get('PatientID'))")))["outputs"]
    assert output["changes"] == []


def test_state_is_shown_as_it_would_be_kept(configuration: Path) -> None:
    script = "study.list = {1, 'two', {deep = true}} study[7] = 1.5 series.bytes = '\\xff' study.inf = 1/0"
    state = tried(scripts(configuration, entry(script)))["state"]
    assert state == {
        "study": {"list": [1, "two", {"deep": True}], "7": 1.5, "inf": "inf"},
        "series": {"bytes": "\ufffd"},
    }
    assert tried(scripts(configuration, entry("study.n = 1"), entry("error('retry')")))["state"]["study"] == {}


def test_the_image_in_hand_is_the_only_item_of_the_queue_of_a_directory(configuration: Path) -> None:
    script = """
print(queue:total(), queue:count('New'), queue:count('Failed'))
print(study.queue:totalCount(), study.queue:countByState('New'))
print(queue:countByDestination('DCP_PACS'), queue:countByDestination('AI_SERVER'), study.queue:destinations()[1])
local item = study.queue:items():get(1)
print(item.state, item.sourceAeTitle, item.destinationAeTitle, item.modality, study.queue:modalities().Length)
print(node:stats('AI_SERVER').success, node:echo('AI_SERVER').success)
"""
    assert tried(scripts(configuration, entry(script)))["item_log"] == [
        "1\t1\t0",
        "1\t1",
        "1\t0\tPACS",
        "New\tSCANNER\tPACS\tCT\t1",
        "0\tfalse",
    ]


def test_without_a_directory_the_active_entries_see_the_database_and_leave_it_alone() -> None:
    study = str(pydicom.dcmread(CT, stop_before_pixels=True).StudyInstanceUID)
    pacs, _ = node("PACS"), node("ARCHIVE")
    queue_item("Failed", node=pacs, study_instance_uid=study)
    ScopedState.objects.create(scope="study", uid=study, values={"n": 6}, version=1, used_at=queue_item().created_at)
    lua_entry("study.n = study.n + 1 print(study.queue:totalCount(), queue:count('Failed'), queue:total())")
    lua_entry("route:Add('ARCHIVE') print(node:stats('ARCHIVE').success, node:echo('ARCHIVE').message)")
    lua_entry("never()", enabled=False)
    before = [model.objects.count() for model in (QueueItem, ScriptVersion, NodeStatus, Attempt)]
    result = tried(None)
    assert result["item_log"] == ["2\t1\t3", "0\tnever asked, and a dry run asks no node"]
    assert [output["destination"] for output in result["outputs"]] == ["PACS", "ARCHIVE"]
    assert result["state"]["study"] == {"n": 7}
    assert ScopedState.objects.get().values == {"n": 6}
    assert [model.objects.count() for model in (QueueItem, ScriptVersion, NodeStatus, Attempt)] == before


@pytest.mark.parametrize("state", ["New", "Failed", "Delivered"])
def test_an_image_that_waits_in_the_queue_is_counted_once_and_as_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr(settings, "CAPACITOR", replace(settings.CAPACITOR, data_dir=tmp_path))
    item = queue_item(state, node=node("PACS"))
    path = tmp_path / "spool/20261129/20" / f"{item.pk}.dcm"
    path.parent.mkdir(parents=True)
    path.write_bytes(CT.read_bytes())
    queue_item("Prepared")
    lua_entry("print(queue:total(), queue:count('New'), queue:count('Failed'))")
    assert tried(None, path=path)["item_log"] == ["2\t1\t0"]


@pytest.mark.fault(76, "it writes to the database")
def test_the_process_of_a_dry_run_cannot_write_to_the_database(monkeypatch: Any) -> None:
    from routing.engine.preparing.facts import QueueDatabaseFacts

    def count(self: Any, **_: Any) -> int:
        return ScopedState.objects.create(
            scope="study", uid="1.2", values={}, version=1, used_at="2026-01-01T00:00Z"
        ).pk

    monkeypatch.setattr(QueueDatabaseFacts, "count", count)
    node("PACS")
    lua_entry("print(queue:total())")
    result = tried(None)
    assert result["result"] == "failed"
    assert "readonly" in result["message"] or "read-only" in result["message"]
    assert not ScopedState.objects.exists()


@pytest.mark.parametrize(
    ("destination", "title", "seen"),
    [("PACS", "PACS", "PACS"), ("DCP_PACS", "PACS", "PACS"), ("CAPACITOR", "AI_SERVER", "CAPACITOR")],
)
def test_the_destination_means_what_a_called_title_means(
    configuration: Path, destination: str, title: str, seen: str
) -> None:
    script = """
print(file.destinationAeTitle, file.sourceAeTitle)
if file.destinationAeTitle == 'CAPACITOR' then route:Add('AI_SERVER') end
"""
    result = tried(scripts(configuration, entry(script)), destination=destination)
    assert [output["destination"] for output in result["outputs"]] == [title]
    assert result["item_log"] == [f"{seen}\tSCANNER"]


def test_an_image_for_the_router_itself_that_nobody_routes_has_failed(configuration: Path) -> None:
    result = tried(scripts(configuration, entry("print(1)")), destination="CAPACITOR")
    assert result["result"] == "failed"
    assert result["message"].startswith("no route")


def test_scripts_alone_can_be_tried_before_there_are_nodes(tmp_path: Path) -> None:
    assert tried(scripts(tmp_path, entry("print(1)")), destination="ANY")["outputs"][0]["destination"] == "ANY"


def test_outputs_are_written_as_part_10_files_with_fresh_meta_information(configuration: Path, tmp_path: Path) -> None:
    scripts(configuration, entry("route:Add('AI_SERVER', function(ds) ds:Set('SOPInstanceUID', uid()) end)"))
    outputs = tried(configuration, "--output", tmp_path / "a" / "b")["outputs"]
    original, copy = (Path(output["file"]) for output in outputs)
    assert [path.name for path in (original, copy)] == ["1-PACS.dcm", "2-AI_SERVER.dcm"]
    received = CT.read_bytes()
    dataset = received[read_file_meta(received).dataset_offset :]
    assert original.read_bytes().endswith(dataset)
    assert pydicom.dcmread(copy).file_meta.MediaStorageSOPInstanceUID == pydicom.dcmread(copy).SOPInstanceUID
    assert pydicom.dcmread(copy).SOPInstanceUID != pydicom.dcmread(original).SOPInstanceUID


def test_a_deflated_file_gives_deflated_outputs(configuration: Path, tmp_path: Path) -> None:
    path = tmp_path / "deflated.dcm"
    path.write_bytes(encode_file_meta(CT_IMAGE, "1.2.3.4.5", DEFLATED) + zlib.compress(ct_image(), wbits=-15))
    scripts(configuration, entry("dataset:Set('PatientID', 'P-9')"))
    (output,) = tried(configuration, "--output", tmp_path / "out", path=path)["outputs"]
    written = pydicom.dcmread(output["file"])
    assert written.file_meta.TransferSyntaxUID == DEFLATED
    assert (written.PatientID, bytes(written.PixelData)) == ("P-9", bytes(range(64)))


@pytest.mark.parametrize("script", ["print(1)", "dataset:Set('PatientID', 'P-9')"])
def test_a_file_without_meta_information_gets_some(configuration: Path, tmp_path: Path, script: str) -> None:
    path = tmp_path / "bare.dcm"
    path.write_bytes(ct_image())
    (output,) = tried(scripts(configuration, entry(script)), "--output", tmp_path / "out", path=path)["outputs"]
    written = pydicom.dcmread(output["file"])
    assert written.file_meta.TransferSyntaxUID == EXPLICIT
    assert written.PatientID == ("P-9" if "P-9" in script else "T-1")


def test_people_read_entries_changes_and_logs(configuration: Path, tmp_path: Path) -> None:
    scripts(
        configuration,
        entry("dataset:Set('PatientID', '1') dataset:Remove('StudyDate') print('seen') log:info('told') study.n = 2"),
        entry("error('no')", "Description: Second"),
        entry("route:Add('AI_SERVER')"),
    )
    out, err, code = command("--config", configuration, "--output", tmp_path / "out")
    assert (err, code) == ("", 0)
    for words in (
        "prepared\n",
        "entry 2 error   Second (line 1): no",
        "original for PACS -> ",
        "0010,0020  PatientID  1CT1      ->  1",
        "0008,0020  StudyDate  20040119  ->  (absent)",
        "copy for AI_SERVER",
        "item log\n  seen",
        "application log\n  info: told",
        "study\n  n = 2",
    ):
        assert words in out
    assert "as received" in command("--config", scripts(configuration, entry("print(1)")))[0]


def test_a_node_marked_so_is_warned_of_identifiers_and_no_other_is(configuration: Path) -> None:
    marked = NODES.replace("AeTitle: RESEARCH\n", "AeTitle: RESEARCH\n  Deidentified: true\n")
    (configuration / "nodes.yml").write_text(marked)
    scripts(configuration, entry("route:Add('RESEARCH', function(ds) ds:Set('PatientName', 'X') end)"))
    pacs, research = tried(configuration)["outputs"]
    assert "identifier" not in {found["rule"] for found in pacs["lint"]}
    told = {found["keyword"]: found for found in research["lint"] if found["rule"] == "identifier"}
    assert told["PatientID"]["message"] == "is still what was received"
    assert not told["PatientID"]["received"]
    assert "PatientName" not in told


def test_the_text_for_people_names_what_the_scripts_made_wrong_and_not_what_was_so(configuration: Path) -> None:
    scripts(configuration, entry("dataset:Remove('Modality')"))
    out, _, _ = command("--config", configuration)
    assert "  error: 0008,0060 Modality is missing, and must be there with a value (type 1)" in out
    assert "0008,0005" not in out
