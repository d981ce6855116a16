"""What a node leaves blank is the service's, and what it says is kept within what the engine can do."""

from pathlib import Path

import pytest
from django.utils import timezone

from routing.engine.directory import read_snapshot
from routing.engine.housekeeping.clock import end_impossible_waits
from routing.engine.nodes.target import DeliverySettings, target_of
from routing.models import Node
from tests.routing.engine.delivering.delivery import delivery, node, states, storage_node


@pytest.mark.parametrize(
    ("own", "together"), [(None, 64), (0, 256), (1, 1), (256, 256), (1000, 1000), (1001, 1000), (2**31 - 1, 1000)]
)
def test_a_batch_is_no_larger_than_one_statement_can_name(own: int | None, together: int) -> None:
    assert target_of(Node(ae_title="PACS", batch_size=own), DeliverySettings(batch_size=64)).batch_size == together


@pytest.mark.parametrize("column", ["retry_initial", "retry_limit", "stall_threshold", "port", "retry_jitter"])
def test_a_number_that_nothing_can_be_reckoned_with_closes_its_node_and_is_named(column: str) -> None:
    target = target_of(Node(ae_title="PACS", **{column: 10**18}), DeliverySettings())
    assert target.why_closed(timezone.now(), ()).startswith(f"node PACS: {column}: 1000000000000000000 is too large")
    assert target.retry.next_try(40, timezone.now(), lambda: 0.99) is not None
    fine = 100 if column == "retry_jitter" else 65535
    assert not target_of(Node(ae_title="PACS", **{column: fine}), DeliverySettings()).misconfigured


@pytest.mark.django_db
@pytest.mark.integration
@pytest.mark.parametrize("column", ["retry_initial", "retry_limit", "retry_jitter", "stall_threshold", "process_delay"])
def test_a_node_whose_numbers_are_too_large_keeps_its_images_and_the_others_get_theirs(
    tmp_path: Path, column: str
) -> None:
    with storage_node() as pacs, delivery(tmp_path) as running:
        good, bad = node(pacs.port), node(pacs.port, ae_title="BAD")
        # Past every form, as by hand or by an earlier release; PostgreSQL refuses it.
        Node.objects.filter(pk=bad.pk).update(**{column: 10**18})
        sent, kept = running.image(good), running.image(bad)
        running.rest()
        assert states(sent, kept) == ["Delivered", "Prepared"]
        assert f"{column}: 1000000000000000000 is too large" in running.deliverer.detail()["out_of_reach"][bad.pk]
    end_impossible_waits()
    read_snapshot("CAPACITOR", "DCP_")
