"""The files of a dry run hold the bytes that live sends: pydicom's bundled files, through scripts of each kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from routing.trials.dry_run import of_directory, try_file
from scripts_app.core.dataset.file_meta import read_file_meta
from tests.acceptance.peers import Receiver, Sample, bundled_samples, send
from tests.acceptance.router import storage_node, until

pytestmark = pytest.mark.integration

SCRIPTS = """
- Description: Sets, replaces and removes
  Script: |
    dataset:Set('PatientName', 'SYNTHETIC^NAME')
    dataset:Set('InstitutionName', 'Hôpital')
    dataset:Remove('StudyDate')
- Description: Leaves nothing behind
  Script: |
    dataset:Set('PatientID', 'NEVER')
    route:Add('RESEARCH')
    error('changed its mind')
- Description: Sequences
  Script: |
    dataset:Append('ReferencedStudySequence', {ReferencedSOPInstanceUID = '1.2.3'})
    dataset:PopulateAt('RequestAttributesSequence[1]', {AccessionNumber = 'A-9'})
- Description: A copy of its own
  Script: |
    route:Add('RESEARCH', function(ds)
      ds:Set('PatientID', '00000')
      ds:Remove('ReferencedStudySequence')
    end)
  Conditions:
    - Tag: 0008,0016
      MatchExpression: '*'
"""
UNTOUCHED = "- Script: print(dataset:Get('Modality'))\n- Script: route:Add('RESEARCH')\n"


def dataset_of(path: str) -> bytes:
    content = Path(path).read_bytes()
    return content[read_file_meta(content).dataset_offset :]


@pytest.mark.parametrize("scripts", [SCRIPTS, UNTOUCHED], ids=["edited", "untouched"])
def test_the_files_of_a_dry_run_are_what_the_nodes_receive(make_router, tmp_path, scripts) -> None:
    samples = bundled_samples()
    contexts = {(sample.sop_class_uid, sample.transfer_syntax_uid) for sample in samples}
    receivers = {title: Receiver(contexts) for title in ("PACS", "RESEARCH")}
    try:
        # Some of the samples are odd on purpose: broken off, or another instance than their name says.
        router = make_router(CAPACITOR_CHECK_INSTANCES="0")
        nodes = "".join(storage_node(title, receiver.port) for title, receiver in receivers.items())
        router.configure(nodes=nodes, lua=scripts)
        router.start()
        statuses = send(samples, router.dicom_port, "PACS")
        assert set(statuses.values()) == {0x0000}
        received_all = "SELECT count(*) >= ? FROM routing_queueitem WHERE id = received_id"
        # Copies count as items, too: so many may be settled while the last image is still on its way to its row.
        until(lambda: router.rows(received_all, len(samples))[0][0] and not router.waiting(), 120, "all is settled")
        failed = {
            name for (name,) in router.rows("SELECT sop_instance_uid FROM routing_queueitem WHERE state = 'Failed'")
        }
    finally:
        for receiver in receivers.values():
            receiver.stop()

    setting = of_directory(router.folder / "configuration")
    compared = 0
    for sample in samples:
        out = tmp_path / f"{sample.path.stem}-{compared}"
        result = try_file(sample.path, "SCANNER", "PACS", setting, out)
        assert json.loads(json.dumps(result)) == result
        assert (result["result"] == "failed") == (sample.sop_instance_uid in failed), sample.path.name
        for output in result["outputs"]:
            assert dataset_of(output["file"]) in received(receivers[output["destination"]], sample), sample.path.name
            compared += 1
    assert compared >= 1.9 * len(samples)
    assert len(failed) <= 3, failed


def received(receiver: Receiver, sample: Sample) -> list[bytes]:
    """Data sets that came in for this instance in its own transfer syntax."""
    return receiver.received[sample.sop_instance_uid, sample.transfer_syntax_uid]
