"""The audit log: who did what, as one row that is never changed."""

from typing import Any

from django.utils import timezone

from routing.models import AuditRecord, Node


def audit(actor: str, action: str, object: object, **detail: Any) -> AuditRecord:
    """
    Note that ``actor`` (a user name, or the process) did ``action`` to ``object``.

    What is done to a node is found by the node, whatever its name becomes.
    Call it in the transaction of the deed.  ``detail`` holds JSON values.
    """
    return AuditRecord.objects.create(
        at=timezone.now(),
        actor=actor[:150],
        action=action[:40],
        object=str(object)[:200],
        node_id=object.pk if isinstance(object, Node) else None,
        detail=detail,
    )
