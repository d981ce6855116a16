"""What becomes of prepared items, over real associations (decision D3)."""

import pytest

from tests.routing.dicom.peers import dataset, running_scp
from tests.routing.engine.delivery import delivery, node

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def test_an_item_arrives_byte_for_byte_and_is_delivered(tmp_path):
    with running_scp(tmp_path / "pacs") as pacs, delivery(tmp_path) as running:
        item = running.image(node(pacs.port))
        running.rest()
        arrived = pacs.next()

        assert pacs.dataset(arrived) == dataset(item.sop_instance_uid)
        assert (arrived.calling_ae_title, arrived.called_ae_title) == ("CAPACITOR", "PACS")
        item.refresh_from_db()
        assert (item.state, item.attempt_count, item.last_status, item.last_error) == ("Delivered", 1, 0, "")
        assert (item.lease_owner, item.warning) == ("", False)
        assert running.journal == [item.id]
