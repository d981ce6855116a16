"""What no script changed arrives byte for byte as it was sent, whatever its encoding."""

from __future__ import annotations

import pytest

from tests.acceptance.peers import Receiver, bundled_samples, send
from tests.acceptance.router import storage_node

pytestmark = pytest.mark.integration

READS_ONLY = """
- Description: Looks, changes its mind
  Script: |
    local name = dataset:Get('PatientName')
    print(name, dataset:Exists('PixelData'), file.sourceAeTitle)
    dataset:Set('InstitutionName', 'NEVER')
    error('only looking')
"""


@pytest.mark.fault(44)
@pytest.mark.fault(41)
@pytest.mark.fault(42)
@pytest.mark.parametrize("scripts", ["[]\n", READS_ONLY], ids=["without scripts", "with a script that reads"])
def test_all_of_pydicoms_files_arrive_byte_identical_in_their_own_transfer_syntax(make_router, scripts, seen):
    samples = bundled_samples()
    syntaxes = {sample.transfer_syntax_uid for sample in samples}
    assert len(samples) >= 60, "the samples that pydicom ships have shrunk; look why"
    assert len(syntaxes) >= 12
    receiver = Receiver({(s.sop_class_uid, s.transfer_syntax_uid) for s in samples})
    try:
        # Some of them lack a UID or carry another one than their command; what becomes of those is told elsewhere.
        router = make_router(CAPACITOR_CHECK_INSTANCES="0")
        router.configure(nodes=storage_node("PACS", receiver.port), lua=scripts)
        router.start()
        statuses = send(samples, router.dicom_port, "PACS")
        assert set(statuses.values()) == {0x0000}, statuses
        router.settled(len(samples), 120)
        assert router.states() == {"Delivered": len(samples)}, router.rows(
            "SELECT state, last_error, transfer_syntax_uid FROM routing_queueitem WHERE state <> 'Delivered'"
        )
    finally:
        receiver.stop()
    for sample in samples:
        arrived = receiver.received[sample.sop_instance_uid, sample.transfer_syntax_uid]
        # One bundled file is deflated to an odd number of bytes, which no fragment may have (PS3.8 9.3.5.1):
        # it gets the one zero byte that PS3.5 A.5 asks for, as DCMTK would abort the association without it.
        assert arrived == [sample.dataset + bytes(len(sample.dataset) % 2)], sample.path.name
    seen(f"{len(samples)} of {len(samples)} files in {len(syntaxes)} transfer syntaxes arrived with the same bytes")
    assert [s.path.name for s in samples if len(s.dataset) % 2] == ["image_dfl.dcm"]
