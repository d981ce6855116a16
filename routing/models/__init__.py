"""The tables of the router."""

from routing.models.audit import AuditSeal
from routing.models.nodes import Node, NodeOutage, NodeStatus
from routing.models.operator import OperatorAction, OperatorStep
from routing.models.quarantine import QuarantinedInstance
from routing.models.queue import QueueItem
from routing.models.records import (
    ApplicationLogLine,
    Attempt,
    AuditRecord,
    HistoryEntry,
    ItemLogLine,
    PrepareReport,
)
from routing.models.rehearsals import Rehearsal, RehearsedImage
from routing.models.senders import KnownSender, UnknownSender
from routing.models.shared import Lane, ScopedState, ServiceProcess
from routing.models.traffic import TrafficMark, TrafficMinute
from routing.models.versions import VersionMark, VersionTally

__all__ = [
    "ApplicationLogLine",
    "Attempt",
    "AuditRecord",
    "AuditSeal",
    "HistoryEntry",
    "ItemLogLine",
    "KnownSender",
    "Lane",
    "Node",
    "NodeOutage",
    "NodeStatus",
    "OperatorAction",
    "OperatorStep",
    "PrepareReport",
    "QuarantinedInstance",
    "QueueItem",
    "Rehearsal",
    "RehearsedImage",
    "ScopedState",
    "ServiceProcess",
    "TrafficMark",
    "TrafficMinute",
    "UnknownSender",
    "VersionMark",
    "VersionTally",
]
