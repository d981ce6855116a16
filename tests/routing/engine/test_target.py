"""What a node leaves blank is the service's, and what it says is kept within what the engine can do."""

import pytest

from routing.engine.target import DeliverySettings, target_of
from routing.models import Node


@pytest.mark.parametrize(
    ("own", "together"), [(None, 64), (0, 256), (1, 1), (256, 256), (1000, 1000), (1001, 1000), (2**31 - 1, 1000)]
)
def test_a_batch_is_no_larger_than_one_statement_can_name(own: int | None, together: int) -> None:
    assert target_of(Node(ae_title="PACS", batch_size=own), DeliverySettings(batch_size=64)).batch_size == together
