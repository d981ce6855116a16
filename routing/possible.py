"""Under which conditions, beside its state, an event means something for an item."""

from django.db import models

from routing.core.states import QueueEvent, QueueState
from routing.node_gates import held_nodes


def possible(event: QueueEvent) -> models.Q:
    """
    The condition under which ``event`` means something for an item, beside its state.

    A copy meets no script again (D4), an item that the scripts never finished
    must not be sent, and without its file nothing can be done again.
    """
    match event:
        case QueueEvent.PREPARE_AGAIN | QueueEvent.REPLAYED:
            original = models.Q(received_id=models.F("id")) | models.Q(replay_of__isnull=False)
            return original & models.Q(purged_at=None)
        case QueueEvent.SEND_AGAIN:
            return models.Q(prepared_at__isnull=False, purged_at=None)
        case QueueEvent.REDIRECTED:
            # Its worker may be sending it to the old node this very moment.
            return models.Q(prepared_at__isnull=False, purged_at=None, lease_owner="")
        case QueueEvent.TRY_NOW:
            # It is being tried, or its node is sent nothing; the scripts run whatever the node is.
            held = models.Q(state=QueueState.PREPARED, node_id__in=held_nodes())
            return models.Q(lease_owner="") & ~held
    return models.Q()
