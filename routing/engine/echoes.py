"""C-ECHO to nodes, by a button or in the background, and what is kept of the answers."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from routing.dicom.contexts import Context
from routing.dicom.verification import EchoResult, echo
from routing.engine.addresses import WrongTlsFiles, address_of
from routing.engine.node_status import end_back_off
from routing.models import Node, NodeStatus

log = logging.getLogger("capacitor.echo")

_PATIENCE = 5.0
"""Seconds until a silent node counts as not answering, in the background."""


def ask(node: Node, patience: float, further: Sequence[Context] = ()) -> EchoResult:
    """C-ECHO a node with ``patience`` seconds for each step; ``further`` contexts are proposed, too."""
    try:
        address = address_of(node, settings.CAPACITOR.ae_title)
    except WrongTlsFiles as error:
        return EchoResult(ok=False, latency_ms=0, message=str(error))
    hurried = replace(address, connect_timeout=patience, acse_timeout=patience, response_timeout=patience)
    return in_its_words(node, echo(hurried, further))


def in_its_words(node: Node, result: EchoResult) -> EchoResult:
    """
    What an answer means for this node.

    One marked *impersonate* may know the titles of the senders alone: that it
    rejects the router's own is an answer, and no image is sent under that title.
    """
    if not (node.impersonate and result.unknown_caller):
        return result
    why = f"{result.message}. It answers, and knows the senders' AE titles only, under which images are sent to it"
    return replace(result, ok=True, message=why)


def keep_echo(node: Node, result: EchoResult) -> NodeStatus:
    """Write down an answer; the other columns belong to the senders."""
    status, _ = NodeStatus.objects.get_or_create(node=node)
    status.last_echo_at, status.last_echo_ok = timezone.now(), result.ok
    status.last_echo_ms, status.last_echo_message = result.latency_ms, result.message
    status.save(update_fields=["last_echo_at", "last_echo_ok", "last_echo_ms", "last_echo_message"])
    return status


class Echoes:
    """
    Calls enabled Storage nodes each ``every`` seconds, so that a dead one is known before an image fails.

    Not those that have answered before and taken an image since.

    Threads wait for the network; only the caller of ``step`` uses the database.
    """

    def __init__(self, every: float) -> None:
        """0 seconds: nobody is called."""
        self._every = every
        self._due = 0.0
        self._asked: set[int] = set()
        self._answers: queue.SimpleQueue[tuple[Node, EchoResult]] = queue.SimpleQueue()

    def step(self) -> None:
        """Write down what has been answered, and ask again when it is time."""
        with contextlib.suppress(queue.Empty):
            while True:
                node, result = self._answers.get_nowait()
                self._asked.discard(node.pk)
                _note(node, result)
        if not self._every or time.monotonic() < self._due:
            return
        self._due = time.monotonic() + self._every
        nodes = Node.objects.filter(role=Node.Role.STORAGE, enabled=True)
        # Taking images says more; and where a node takes one association at a time, a call would keep them from it.
        lately = timezone.now() - timedelta(seconds=self._every)
        for node in nodes.exclude(status__last_success_at__gt=lately, status__last_echo_ok=True):
            # A node that has not answered yet is not asked twice at once.
            if node.pk not in self._asked:
                self._asked.add(node.pk)
                # A daemon: a node that swallows packets must not keep the process from ending.
                threading.Thread(target=self._ask, args=[node], name=f"echo {node.ae_title}", daemon=True).start()

    def _ask(self, node: Node) -> None:
        result = EchoResult(ok=False, latency_ms=0, message="C-ECHO ended by an unexpected error")
        try:
            result = ask(node, _PATIENCE)
        except Exception:
            log.exception("C-ECHO of node %s", node.ae_title)
        finally:
            self._answers.put((node, result))


def _note(node: Node, result: EchoResult) -> None:
    """Keep a background answer, and log when it differs from the last one."""
    if not Node.objects.filter(pk=node.pk).exists():
        return
    before = NodeStatus.objects.filter(node_id=node.pk).values_list("last_echo_ok", flat=True).first()
    keep_echo(node, result)
    if result.ok and before is False:
        end_back_off([node.pk], timezone.now())
        log.info("node %s answers C-ECHO again", node.ae_title)
    if not result.ok and before is not False:
        log.warning("node %s does not answer C-ECHO: %s", node.ae_title, result.message)
