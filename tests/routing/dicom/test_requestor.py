"""One association in use for long: the numbers of its messages."""

from pathlib import Path

import pytest

from routing.dicom.storage_scu import StorageAssociation
from tests.routing.dicom.peers import CT_IMAGE, EXPLICIT, address, dataset, outgoing, running_scp

pytestmark = pytest.mark.integration


def test_message_ids_begin_anew_behind_the_largest_of_16_bits(tmp_path: Path) -> None:
    with running_scp(tmp_path) as scp:
        association = StorageAssociation.open(address(scp.port), [(CT_IMAGE, (EXPLICIT,))])
        association._requestor._message_id = 0xFFFD
        uids = [f"1.2.{number}" for number in range(4)]
        statuses = [association.send(outgoing(dataset(uid), uid)).status for uid in uids]
        association.release()
    assert statuses == [0, 0, 0, 0]
    assert len(scp.files()) == 4
