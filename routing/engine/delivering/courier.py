"""One courier: sends batches of one node's items over an association that it keeps, and reports on each item."""

from __future__ import annotations

import logging
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from routing.core.instance import SendResult
from routing.core.shortage import SHORTAGES
from routing.core.syntax_choice import NoSyntax, choose, name, proposals
from routing.dicom.association_failures import AssociationFailed, FailureKind
from routing.dicom.status import Answer, meaning_of
from routing.engine.delivering.kept_association import KeptAssociation, Wanted
from routing.engine.delivering.outgoing import Outgoing, instance
from routing.engine.delivering.reports import Answered, Faulty, Report, Returned, Unreachable, Unwanted
from routing.engine.delivering.source import FileDamaged, FileMissing, Source
from routing.engine.nodes.target import Target
from routing.engine.transcoding.transcode import CannotTranscode, Transcoder
from routing.engine.transcoding.turns import NotNow, turn
from routing.folders import run_folder
from routing.queue.claims import Deliverable
from routing.spool.prepared import is_transcoded

log = logging.getLogger("capacitor.deliver")

_MOST_SUSPECTS = 8
"""Images in a row that end their associations, until that is the node's doing and not theirs."""


class Courier:
    """For one thread.  Every item of a batch comes back in exactly one report."""

    def __init__(
        self,
        outgoing: Outgoing,
        journal: Callable[[int, int], None],
        report: Callable[[Report], None],
        may_go_on: Callable[[], bool],
        opening: Callable[[bool], AbstractContextManager[None]],
        is_full_of_ours: Callable[[], bool],
    ) -> None:
        """
        ``journal`` is told of each item that the node has taken, and of its answer, before anybody else is.

        ``may_go_on`` is asked before each item; on False the rest of the batch goes back.
        ``opening(ended)`` is entered for as long as the node is asked for an association, in place of one that ended.
        ``is_full_of_ours`` is asked where it takes none for now; on True the batch goes back as well.
        """
        self._outgoing = outgoing
        self._journal = journal
        self._report = report
        self._may_go_on = may_go_on
        self._is_full_of_ours = is_full_of_ours
        self._kept = KeptAssociation(opening)
        self._transcoder: Transcoder | None = None
        self._suspects = 0

    def send(self, target: Callable[[], Target], batch: Sequence[Deliverable]) -> bool:
        """
        Send a batch, item by item; False when the node is in trouble, so that nothing more should be tried now.

        ``target`` is asked before each item: the node may get another address while a batch is under way, for hours.
        """
        waiting = deque(_by_calling_ae_title(target(), batch))
        self._kept.rest()
        self._suspects = 0
        fine = True
        try:
            while waiting and fine and self._may_go_on():
                fine = self._send_first(target(), waiting)
        finally:
            if waiting:
                self._report(Returned(target(), tuple(waiting)))
        return fine

    @property
    def has_association(self) -> bool:
        """To be asked by any thread."""
        return self._kept.is_open

    def close(self) -> bool:
        """Release the association and end the transcoding process; whether there was an association."""
        try:
            return self._kept.release()
        finally:
            if self._transcoder is not None:
                self._transcoder.close()

    def _send_first(self, target: Target, waiting: deque[Deliverable]) -> bool:
        """Send the first item, report it and take it out; whether to go on with the next."""
        item = waiting[0]
        started_at = datetime.now(UTC)
        try:
            source = self._outgoing.source(item)
            self._associate(target, source, waiting)
            return self._deliver(target, item, source, waiting)
        except AssociationFailed as error:
            if error.kind is FailureKind.REJECTED_TRANSIENT and self._is_full_of_ours():
                return False
            calling = target.calling_ae_title(item.source_ae_title)
            alike = tuple(i for i in waiting if target.calling_ae_title(i.source_ae_title) == calling)
            any_caller = error.of_any_caller or not target.impersonate
            self._report(Unreachable(target, alike, error.kind, str(error), started_at, datetime.now(UTC), any_caller))
            for unreached in alike:
                waiting.remove(unreached)
            # A refusal of one caller says nothing about the other titles this router calls with.
            return not any_caller
        except NotNow:
            return False
        except (NoSyntax, CannotTranscode) as error:
            text = f"{target.ae_title}: {error}"
            self._report(Unwanted(target, item, text, started_at, datetime.now(UTC), item.transfer_syntax_uid))
        except (FileMissing, FileDamaged) as error:
            self._report(Faulty(target, item, str(error)))
        except Exception as error:
            short = isinstance(error, OSError) and error.errno in SHORTAGES
            text = f"{type(error).__name__}: {error}"
            self._report(Faulty(target, item, text, traceback.format_exc(), again=short))
        waiting.popleft()
        return True

    def _associate(self, target: Target, source: Source, waiting: deque[Deliverable]) -> None:
        item = waiting[0]
        calling = target.calling_ae_title(item.source_ae_title)
        first = (item.sop_class_uid, proposals(source.transfer_syntax_uid, target.transfer_syntax_uid))
        self._kept.prepare(target, calling, first, _wanted(target, calling, waiting))

    def _deliver(self, target: Target, item: Deliverable, source: Source, waiting: deque[Deliverable]) -> bool:
        before = source.transfer_syntax_uid
        syntax = choose(
            item.sop_class_uid,
            before,
            target.transfer_syntax_uid,
            partial(self._kept.accepts, item.sop_class_uid),
            source.has_pixels,
        )
        as_taken = item
        item, source = self._in_syntax(target, item, source, syntax)
        rested = self._kept.rested
        # Of what is sent, which may be many times what was received.
        seconds = target.deadline_seconds(source.size)
        result = self._exchange(target, item, source, seconds)
        # A node may end an association that it found idle for too long, or used for long enough: nobody's failure.
        its_right = rested or (result.released and self._kept.answered)
        unanswered = None
        if result.status is None and its_right and not result.timed_out:
            # Where no other is to be had this is the attempt; the next image tells of the node.
            with suppress(AssociationFailed):
                self._associate(target, source, waiting)
                # It may have taken the image all the same: this has to be on record.
                unanswered, result = result, self._exchange(target, item, source, seconds)
        first = self._kept.answered == (0 if result.status is None else 1)
        if result.status is not None and meaning_of(result) in (Answer.DELIVERED, Answer.WARNING):
            self._note(item, result.status)
        waiting.popleft()
        goes_on = self._goes_on(result)
        if result.status is None and goes_on and not all(each.attempt_count for each in waiting):
            # The next one tells whether it is the node.
            first = False
        self._report(
            Answered(
                target=target,
                item=item,
                result=result,
                transfer_syntax_uid=syntax,
                first=first,
                transcoded_from=before if syntax != before and item is not as_taken else "",
                unanswered=unanswered,
            )
        )
        return goes_on

    def _goes_on(self, result: SendResult) -> bool:
        """Whether the next image may be tried at once: an association may end for the sake of this one alone."""
        self._suspects = self._suspects + 1 if result.status is None else 0
        return not result.timed_out and self._suspects < _MOST_SUSPECTS

    def _note(self, item: Deliverable, status: int) -> None:
        try:
            self._journal(item.id, status)
        except OSError as error:
            # It is delivered all the same; only a kill at this very moment would send it twice.
            log.warning("item %d could not be noted as sent: %s", item.id, error)

    def _exchange(self, target: Target, item: Deliverable, source: Source, seconds: float | None) -> SendResult:
        return self._kept.send(instance(item, source), target.priority, seconds)

    def _in_syntax(self, target: Target, item: Deliverable, source: Source, syntax: str) -> tuple[Deliverable, Source]:
        """The item as its row is to say, and what is sent of it."""
        if syntax == source.transfer_syntax_uid:
            return (replace(item, prepared_file="") if is_transcoded(item.prepared_file) else item), source
        kept = self._outgoing.transcoded(item)
        if kept is not None and kept.transfer_syntax_uid == syntax:
            return item, kept
        if self._transcoder is None:
            self._transcoder = Transcoder(target.settings.transcode_timeout, target.settings.transcode_memory_mib)
        with turn(run_folder(), source.size, self._may_go_on), source.open() as dataset:
            pieces = self._transcoder.transcode(dataset, source.transfer_syntax_uid, syntax)
            try:
                item = self._outgoing.keep(item, syntax, pieces)
            except CannotTranscode as error:
                way = f"{name(source.transfer_syntax_uid)} into {name(syntax)}"
                raise CannotTranscode(f"cannot be transcoded losslessly from {way}: {error}") from None
        return item, self._outgoing.transcoded(item) or self._outgoing.source(item)


def _by_calling_ae_title(target: Target, batch: Sequence[Deliverable]) -> Iterator[Deliverable]:
    """The items in their order, those of one urgency with the same calling AE title together."""
    groups: dict[tuple[str, str], list[Deliverable]] = {}
    for item in batch:
        urgency = item.sop_class_uid if item.sop_class_uid in target.sop_class_priorities else "default"
        groups.setdefault((urgency, target.calling_ae_title(item.source_ae_title)), []).append(item)
    for group in groups.values():
        yield from group


def _wanted(target: Target, calling_ae_title: str, items: deque[Deliverable]) -> Iterator[Wanted]:
    seen = set()
    for item in items:
        kind = (item.sop_class_uid, item.transfer_syntax_uid)
        if kind not in seen and target.calling_ae_title(item.source_ae_title) == calling_ae_title:
            seen.add(kind)
            yield item.sop_class_uid, proposals(item.transfer_syntax_uid, target.transfer_syntax_uid)
