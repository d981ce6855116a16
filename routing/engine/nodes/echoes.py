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
from django.db import transaction
from django.utils import timezone

from routing.dicom.contexts import Context
from routing.dicom.tls import WrongTlsFiles
from routing.dicom.verification import EchoResult, echo
from routing.engine.nodes.addresses import address_of
from routing.engine.nodes.status import end_back_off
from routing.models import Node, NodeStatus

log = logging.getLogger("capacitor.echo")

_PATIENCE = 5.0
"""Seconds until a silent node counts as not answering, in the background."""
_AT_ONCE = 64
"""Nodes that are called at the same time: each has an open connection, and a process may have 1024 files open."""


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
    """Write down an answer; the other columns belong to the couriers."""
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
        """Whose answer, or turn, is still to come."""
        self._waiting: queue.SimpleQueue[Node] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._answers: queue.SimpleQueue[tuple[Node, EchoResult]] = queue.SimpleQueue()

    def step(self) -> None:
        """Write down what has been answered, and ask again when it is time."""
        answered = []
        with contextlib.suppress(queue.Empty):
            while True:
                answered.append(self._answers.get_nowait())
        if answered:
            self._asked.difference_update(node.pk for node, _ in answered)
            with transaction.atomic():
                for node, result in answered:
                    _note(node, result)
        if self._every and time.monotonic() >= self._due:
            self._due = time.monotonic() + self._every
            self._ask_again()
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        for _ in range(min(self._waiting.qsize(), _AT_ONCE - len(self._threads))):
            # A daemon: a node that swallows packets must not keep the process from ending.
            thread = threading.Thread(target=self._ask_all, name="echo", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _ask_again(self) -> None:
        nodes = Node.objects.filter(role=Node.Role.STORAGE, enabled=True)
        # Taking images says more; and where a node takes one association at a time, a call would keep them from it.
        lately = timezone.now() - timedelta(seconds=self._every)
        for node in nodes.exclude(status__last_success_at__gt=lately, status__last_echo_ok=True):
            # A node that has not answered yet is not asked twice at once.
            if node.pk not in self._asked:
                self._asked.add(node.pk)
                self._waiting.put(node)

    def _ask_all(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._ask(self._waiting.get_nowait())

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
