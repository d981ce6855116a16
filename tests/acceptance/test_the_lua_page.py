"""The Lua filter page's examples and projects, imported and run live: what arrives, element by element."""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from scripts_app.core.dataset.file_meta import read_file_meta
from tests.acceptance.router import Router, Sink, storage_node, until
from tests.fresh_database import put_fresh_database
from tests.images import differences, image, write

pytestmark = [
    pytest.mark.integration,
    # The page's station labels are longer than Station Name may be.
    pytest.mark.filterwarnings("ignore:The value length:UserWarning"),
]

PAGE = Path(__file__).resolve().parents[1] / "lua_page"
UID = re.compile(r"2\.25\.[1-9]\d*")
PHI = ("PatientBirthDate", "PatientAddress", "ReferringPhysicianName")
PRIVATE = {
    "PatientAddress": "1 STREET",
    "ReferringPhysicianName": "REFERRING^DR",
    "InstitutionName": "HOSPITAL",
    "InstitutionAddress": "2 STREET",
}
QUICKLY = ("RetryInitial: 1", "RetryLimit: 1", "RetryJitter: 0")

Sinks = dict[str, Sink]


@pytest.fixture
def started(
    make_router: Callable[..., Router], make_sink: Callable[[str], Sink]
) -> Callable[..., tuple[Router, Sinks]]:
    def start(project: str, *titles: str, away: str = "") -> tuple[Router, Sinks]:
        """A router with the project imported unchanged, and a sink for each title; one of them may start later."""
        router = make_router(CAPACITOR_PREPARE_RETRY_SECONDS="1")
        sinks = {title: make_sink(title) for title in titles}
        folder = shutil.copytree(PAGE / project, router.folder / "page")
        nodes = [storage_node(title, sink.port, *QUICKLY) for title, sink in sinks.items()]
        (folder / "nodes.yml").write_text("".join(nodes))
        put_fresh_database(router.data)
        router.manage("import_config", str(folder))
        for title, sink in sinks.items():
            if title != away:
                sink.start()
        return router.start(), sinks

    return start


def arrived(sink: Sink) -> list[Dataset]:
    return [pydicom.dcmread(path) for path in sink.files()]


def only(sink: Sink) -> Dataset:
    (dataset,) = arrived(sink)
    return dataset


def edited(dataset: Dataset, *removed: str, **values: Any) -> Dataset:
    """A copy with other values, and without these elements."""
    result = copy.deepcopy(dataset)
    for keyword, value in values.items():
        setattr(result, keyword, value)
    for keyword in removed:
        if keyword in result:
            delattr(result, keyword)
    return result


def new_uids(expected: Dataset, came: Dataset, *keywords: str) -> Dataset:
    """What is expected, with the identifiers that were made at random, which must be UIDs of their own."""
    made = [str(came[keyword].value) for keyword in keywords]
    assert all(UID.fullmatch(uid) for uid in made) and len(set(made)) == len(made), made
    return edited(expected, **dict(zip(keywords, made, strict=True)))


def stamped(expected: Dataset, came: Dataset) -> Dataset:
    """Example 10: the study description in capitals, and the moment of processing."""
    moment = datetime.strptime(f"{came.ContentDate}{came.ContentTime}", "%Y%m%d%H%M%S").astimezone(UTC)
    assert timedelta(0) <= datetime.now(UTC) - moment < timedelta(minutes=10)
    return edited(
        expected,
        StudyDescription=str(expected.get("StudyDescription", "")).upper(),
        ContentDate=came.ContentDate,
        ContentTime=came.ContentTime,
    )


def stripped(dataset: Dataset) -> Dataset:
    return edited(dataset, *PHI, PatientName="ANONYMOUS", PatientID="00000")


def same(came: Dataset, expected: Dataset) -> None:
    assert differences(came, expected) == set()


def items(router: Router) -> list[tuple[Any, ...]]:
    return router.rows("SELECT destination_ae_title, state, last_error FROM routing_queueitem ORDER BY id")


def delivered(router: Router, count: int) -> None:
    until(lambda: router.states().get("Delivered") == count, 90, f"{count} delivered, not {router.states()}")


def as_researched(sent: Dataset, came: Dataset) -> Dataset:
    """Example 7 behind examples 1 and 10."""
    return new_uids(stamped(edited(stripped(sent), "InstitutionName", "InstitutionAddress"), came), came, "PatientID")


def test_examples_1_2_5_7_10_and_11_a_ct_is_anonymized_labelled_and_routed(started, tmp_path) -> None:
    router, sinks = started("examples", "PACS", "AI_SERVER", "RESEARCH_ARCHIVE", "EXTERNAL_PACS")
    sent = image("CT", StudyDescription="Thorax mit Kontrast", **PRIVATE)
    router.send([write(sent, tmp_path / "ct.dcm")], "PACS", calling="CT_SCANNER_1")
    router.settled(3)
    came = only(sinks["PACS"])
    expected = edited(stripped(sent), StationName="CT Room 1 - Main Building")
    same(came, stamped(expected, came))
    assert came.StudyDescription == "THORAX MIT KONTRAST"
    # Examples 2 and 11 both ask for AI_SERVER: the last call wins, one copy goes.
    same(only(sinks["AI_SERVER"]), came)
    researched = only(sinks["RESEARCH_ARCHIVE"])
    same(researched, edited(as_researched(sent, researched), StationName="CT Room 1 - Main Building"))
    assert arrived(sinks["EXTERNAL_PACS"]) == []


def test_examples_3_and_12_mammography_fans_out_and_a_partial_study_is_flagged(started, tmp_path) -> None:
    titles = ("PACS", "MAMMO_PACS", "AI_VENDOR", "TEACHING_ARCHIVE", "RESEARCH_ARCHIVE", "AI_SERVER", "EXTERNAL_PACS")
    router, sinks = started("examples", *titles, away="AI_VENDOR")
    sent = image("MG", **PRIVATE)
    router.send([write(sent, tmp_path / "mg.dcm")], "PACS", calling="MG_1")
    delivered(router, 4)
    came = only(sinks["PACS"])
    same(came, stamped(stripped(sent), came))
    same(only(sinks["MAMMO_PACS"]), came)
    teaching = only(sinks["TEACHING_ARCHIVE"])
    uids = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    same(teaching, new_uids(edited(came, PatientName="TEACHING"), teaching, *uids))
    assert teaching.file_meta.MediaStorageSOPInstanceUID == teaching.SOPInstanceUID
    researched = only(sinks["RESEARCH_ARCHIVE"])
    same(researched, as_researched(sent, researched))

    # Of this study one item waits for its node and one fails: the next image is flagged.
    failing = edited(image("MR", 2, StudyInstanceUID=sent.StudyInstanceUID), "Modality")
    router.send([write(failing, tmp_path / "failing.dcm")], "EXTERNAL_PACS", calling="MG_1")
    until(lambda: router.states().get("Failed") == 1, 60)
    third = image("MR", 3, StudyInstanceUID=sent.StudyInstanceUID)
    router.send([write(third, tmp_path / "third.dcm")], "PACS", calling="MG_1")
    delivered(router, 6)
    (flagged,) = [dataset for dataset in arrived(sinks["PACS"]) if dataset.InstanceNumber == 3]
    same(flagged, edited(stamped(stripped(third), flagged), ImageComments="PARTIAL_STUDY: 1 of 3 failed"))
    sinks["AI_VENDOR"].start()
    delivered(router, 7)
    same(only(sinks["AI_VENDOR"]), edited(came, InstitutionName="REDACTED"))


def test_examples_4_6_8_and_9_reroute_count_enrich_and_validate(started, tmp_path) -> None:
    titles = ("PACS", "VASCULAR_PACS", "RESEARCH_ARCHIVE", "AI_SERVER", "EXTERNAL_PACS", "LARGE_STUDY_ARCHIVE")
    router, sinks = started("examples", *titles)
    # Example 4: a vascular ultrasound goes elsewhere, another one does not.
    vascular, other = (image("US", 1, StudyDescription="LEG VASCULAR"), image("US", 2, StudyDescription="LEG"))
    for number, sent in enumerate((vascular, other)):
        router.send([write(sent, tmp_path / f"us{number}.dcm")], "PACS", calling="US_1")
    router.settled(5)
    came = only(sinks["VASCULAR_PACS"])
    same(came, stamped(stripped(vascular), came))
    came = only(sinks["PACS"])
    same(came, stamped(stripped(other), came))
    # Example 8: only images for AI_SERVER are enriched; example 11 adds a copy beside the original (D4).
    sent = image("CT", **PRIVATE)
    router.send([write(sent, tmp_path / "ct.dcm")], "AI_SERVER", calling="CT_9")
    router.settled(8)
    enriched = edited(stripped(sent), InstitutionName="GENERAL HOSPITAL", InstitutionalDepartmentName="RADIOLOGY")
    both = arrived(sinks["AI_SERVER"])
    assert len(both) == 2
    for came in both:
        same(came, stamped(enriched, came))
    # Example 9: without a required tag nothing leaves, with all of them the image does.
    lacking = edited(image("MR", 1), "Modality")
    router.send([write(lacking, tmp_path / "lacking.dcm")], "EXTERNAL_PACS")
    router.settled(9)
    (state, error) = items(router)[-1][1:]
    assert state == "Failed"
    assert error == "entry 9 (Validate required tags), line 4: fail: missing required tag Modality"
    assert arrived(sinks["EXTERNAL_PACS"]) == []
    router.send([write(image("MR", 2), tmp_path / "complete.dcm")], "EXTERNAL_PACS")
    router.settled(11)
    assert only(sinks["EXTERNAL_PACS"]).InstanceNumber == 2
    # Example 6: the 501st image of a study goes to the archive as well.
    large = image("MR", 3)
    router.manage(
        "shell",
        "-c",
        "from django.utils import timezone; from routing.models import ScopedState;"
        f"ScopedState.objects.filter(uid={str(large.StudyInstanceUID)!r}, scope='study')"
        ".update(values={'image_count': 499}, used_at=timezone.now())",
    )
    for number in (3, 4):
        path = write(image("MR", number), tmp_path / f"large{number}.dcm")
        router.send([path], "PACS", calling="MR_1")
    router.settled(11 + 5)
    assert [dataset.InstanceNumber for dataset in arrived(sinks["LARGE_STUDY_ARCHIVE"])] == [4]
    ((values,),) = router.rows(
        "SELECT \"values\" FROM routing_scopedstate WHERE scope = 'study' AND uid = ?", str(large.StudyInstanceUID)
    )
    assert json.loads(values) == {"image_count": 501}


def test_the_queue_aware_project_labels_routes_and_holds(started, tmp_path) -> None:
    router, sinks = started("queue_aware", "VIEWER_TEST", "ARCHIVE", "PACS")
    sent = image("CT", 1, **PRIVATE)
    path = write(sent, tmp_path / "ct.dcm")
    router.send([path], "PACS", calling="CT_SCANNER_2")
    router.settled(2)
    labelled = edited(sent, StationName="CT Room 2 - Emergency")
    same(only(sinks["PACS"]), labelled)
    same(only(sinks["ARCHIVE"]), labelled)
    viewed = image("MR", 1, **PRIVATE)
    router.send([write(viewed, tmp_path / "mr.dcm")], "VIEWER_TEST", calling="MR_SCANNER")
    router.settled(3)
    came = only(sinks["VIEWER_TEST"])
    anonymous = edited(stripped(viewed), "InstitutionName", "InstitutionAddress")
    same(came, new_uids(anonymous, came, "PatientID"))

    # The dry run over the same directory gives the same bytes for the same image.
    made = router.manage(
        "dry_run", str(path), "--source", "CT_SCANNER_2", "--destination", "PACS",
        "--config", str(router.folder / "page"), "--json", "--output", str(tmp_path / "dry"),
    )  # fmt: skip
    tried = {output["destination"]: Path(output["file"]) for output in json.loads(made.stdout)["outputs"]}
    for title in ("PACS", "ARCHIVE"):
        (live,) = sinks[title].files()
        assert dataset_bytes(tried[title]) == dataset_bytes(live)

    # With more than fifty failures of ARCHIVE a CT waits, and goes when they are gone.
    shell = "from routing.models import Node, QueueItem; from tests.builders import queue_item; "
    router.manage(
        "shell", "-c", shell + "n = Node.objects.get(ae_title='ARCHIVE');"
        "[queue_item('Failed', node=n, study_instance_uid='1.9') for _ in range(51)]",
    )  # fmt: skip
    router.send([write(image("CT", 2), tmp_path / "held.dcm")], "PACS", calling="CT_SCANNER_1")
    held = ("PACS", "New", "entry 2 (Smart CT routing), scripts/route-smart.lua line 11: "
            "retry: destination has too many failures")  # fmt: skip
    until(lambda: held in items(router), 60, "the image waits")
    told = "SELECT message FROM routing_applicationlogline WHERE message LIKE '[lua] ARCHIVE has%'"
    until(lambda: ("[lua] ARCHIVE has\t51\tfailures — holding",) in router.rows(told), 60, "the log says why")
    router.manage("shell", "-c", shell + "QueueItem.objects.filter(study_instance_uid='1.9').delete()")
    delivered(router, 5)
    assert sorted(dataset.InstanceNumber for dataset in arrived(sinks["ARCHIVE"])) == [1, 2]


def dataset_bytes(path: Path) -> bytes:
    content = path.read_bytes()
    return content[read_file_meta(content).dataset_offset :]


def test_the_fan_out_project_sends_three_versions_of_a_mammogram(started, tmp_path) -> None:
    router, sinks = started("fan_out", "MAMMO_PACS", "RESEARCH", "CLOUD_AI")
    sent = image("MG", **PRIVATE)
    path = write(sent, tmp_path / "mg.dcm")
    router.send([path], "MAMMO_PACS", calling="MG_1")
    router.settled(3)
    same(only(sinks["MAMMO_PACS"]), sent)
    (live,) = sinks["MAMMO_PACS"].files()
    assert dataset_bytes(live) == dataset_bytes(path)
    anonymous = edited(stripped(sent), "InstitutionName", "InstitutionAddress")
    came = only(sinks["RESEARCH"])
    same(came, new_uids(anonymous, came, "PatientID"))
    came = only(sinks["CLOUD_AI"])
    uids = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    same(came, new_uids(edited(anonymous, PatientName="DEIDENTIFIED"), came, *uids))
    line = "[lua] Mammography fan-out:\tMG_1\t->\tMAMMO_PACS\t+ RESEARCH + CLOUD_AI"
    until(lambda: (line,) in router.rows("SELECT message FROM routing_applicationlogline"), 60, "the log line")
