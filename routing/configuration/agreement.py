"""What somebody has agreed to: a plan, and the configuration that it was made for."""

from __future__ import annotations

import hashlib
import json

from routing.configuration.export import export_files
from routing.configuration.plan import Plan


class PlanMoved(Exception):
    """The configuration, or what would be done with it, is no longer what was agreed to; ``plan`` is the new one."""

    def __init__(self, plan: Plan) -> None:
        super().__init__("changed meanwhile")
        self.plan = plan


def mark_of(plan: Plan) -> str:
    """
    The same as long as the same would be done to the same nodes, senders and scripts.

    Call it in the transaction of the plan.  The details of the steps do not
    count: they tell how many images wait, which changes all the time.
    """
    told = [[step.action, step.what] for step in plan.steps]
    return hashlib.sha256(json.dumps([told, sorted(export_files().items())]).encode()).hexdigest()
