"""The listening process: admit who may send, receive into the spool, let the rows follow."""

from __future__ import annotations

import logging
import os
import ssl
import threading
import time
from dataclasses import replace
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import Error as DatabaseProblem
from django.db import connection

from routing.core.identifiers import FILE_TAGS, new_identifiers
from routing.dicom.associate import AssociationRequest, Refusal
from routing.dicom.storage_scp import TURN, ScpConfig, StorageScp
from routing.dicom.tls import WrongTlsFiles, as_of, load_own
from routing.engine.directory import Directory, note_alert, note_stranger, refusal
from routing.engine.process import HEARTBEAT, EngineProcess, enter_role
from routing.engine.receiving.guessing import MOST_WRONG, WITHIN, Guesses
from routing.engine.receiving.quarantine import QuarantineWriter
from routing.engine.receiving.row_pipe import Inbox
from routing.engine.receiving.row_process import RowProcess
from routing.engine.receiving.row_writer import RowWriter
from routing.folders import run_folder
from routing.processes.application_log import first_line
from routing.processes.sd_notify import Notifier, Pulse
from routing.processes.wakeup import Waker
from routing.queue.spool import open_spool
from routing.spool.spool import Spool

log = logging.getLogger("capacitor.listener")

# Source and reason of A-ASSOCIATE-RJ (PS3.8 table 9-21).
_CALLING_NOT_RECOGNIZED = (1, 3)
_CALLED_NOT_RECOGNIZED = (1, 7)
_TEMPORARY_CONGESTION = Refusal(3, 1, "nodes and senders cannot be read", transient=True)
_PUT_OFF = Refusal(3, 1, "too many wrong AE titles from this address, try again later", transient=True)
_LOOK_AT_DISK = 1.0
"""Seconds for which one look at the free space counts."""
_GONE = "is gone (is its file system mounted?)"
_LAST_ROWS = 30.0
"""Seconds that the last rows may take when the listener ends."""


class Room:
    """Whether the spool may take another image; a look at the file system counts for a second."""

    def __init__(self, spool: Spool, least_free: int) -> None:
        self._spool, self._least_free = spool, least_free
        self._looked_at = float("-inf")
        self._lack = ""

    def __call__(self) -> bool:
        now = time.monotonic()
        if now - self._looked_at > _LOOK_AT_DISK:
            lack = self._look()
            if lack != self._lack:
                if lack:
                    log.error("spool %s: images are refused with 0xA700", lack)
                else:
                    log.warning("spool %s again: images are taken", "is here" if self._lack == _GONE else "has room")
            self._lack, self._looked_at = lack, now
        return not self._lack

    def _look(self) -> str:
        """What keeps an image from being stored; empty when nothing does."""
        try:
            if self._spool.gone:
                return _GONE
            inodes = self._spool.free_inodes()
            enough = self._spool.free_bytes() >= self._least_free and (inodes is None or inodes > 1000)
        except OSError:
            # Its folder is not there, or its file system does not answer any more.
            return _GONE
        return "" if enough else "has no room"


class Admission:
    """Decides about associations by the newest nodes and senders (D1, D18), and puts off who guesses their titles."""

    def __init__(self, directory: Directory, *, anybody: bool) -> None:
        self._directory, self._anybody = directory, anybody
        self._guesses = Guesses()

    def __call__(self, request: AssociationRequest) -> Refusal | None:
        address, pair = request.peer_address, (request.calling_ae_title, request.called_ae_title)
        try:
            snapshot = self._directory.current()
            put_off = self._guesses.puts_off(address, pair) and not snapshot.binds(pair[0], address)
            why = refusal(snapshot, *pair, address, anybody=self._anybody)
            if why is None and not put_off:
                self._guesses.accepted(address, pair)
                return None
            who, words = why or ("", "")
            # Also while it is put off: a whole new department may be behind one address, and wants to be allowed.
            if who == "calling" and note_stranger(pair[0], address, pair[1]) and pair[0] in snapshot.senders:
                note_alert("known sender, wrong address", pair[0], address=address)
            if put_off:
                return _PUT_OFF
            if self._guesses.refused(address, pair):
                log.error("AE titles are being guessed from %s: it is put off for %d minutes", address, WITHIN // 60)
                note_alert("AE titles guessed", address, wrong_pairs=MOST_WRONG)
            return Refusal(*(_CALLED_NOT_RECOGNIZED if who == "called" else _CALLING_NOT_RECOGNIZED), words)
        except DatabaseProblem as error:
            log.error("nodes and senders have never been read: %s", first_line(error))
            return _TEMPORARY_CONGESTION
        finally:
            # The thread ends with its association; nobody would close its connection later.
            connection.close()


def run(port: int, *, share_port: bool, drain_seconds: float) -> None:
    """Listen until told to stop; CannotListen or WrongTlsFiles when that can't begin."""
    service = settings.CAPACITOR
    # Before this process has a thread, and before it says that it lives.
    rows = RowProcess.start(_write_rows)
    with EngineProcess("listener") as process:
        spool = open_spool()
        directory = Directory.of_service()
        quarantine = QuarantineWriter()
        configs, notifier = _configs(port, share_port), Notifier()
        # Not this thread's turns: it waits for the database, and images are taken without one.
        pulse = Pulse(notifier, len(configs), within=4 * TURN)
        scps = [
            StorageScp(
                config,
                admit=Admission(directory, anybody=service.accept_unknown_senders),
                spool=spool,
                new_id=new_identifiers(FILE_TAGS),
                stored=rows.add,
                has_room=Room(spool, service.min_free_mib << 20),
                fatal=_end_now,
                refused=quarantine.add,
                turned=partial(pulse.turned, number),
            )
            for number, config in enumerate(configs)
        ]
        listening: list[StorageScp] = []
        quarantine.start()
        rows.watch(lambda: _end_now(RuntimeError("the row writer has ended")))
        try:
            ports = []
            for scp in scps:
                ports.append(scp.start())
                listening.append(scp)
            notifier.ready(f"listens on port {' and '.join(map(str, ports))}")
            try:
                process.settle_departed()
            except DatabaseProblem as error:
                log.error("the database cannot be used: %s", first_line(error))
            while not process.stopping.is_set():
                process.beat(ports=ports, associations=sum(scp.association_count for scp in scps))
                rows.push()
                process.stopping.wait(HEARTBEAT)
        finally:
            notifier.stopping()
            for scp in listening:
                scp.stop(drain_seconds)
            # Always reached: its thread would keep a listener alive that listens to nobody.
            quarantine.stop()
            rows.stop(_LAST_ROWS)


def _write_rows(inbox: Inbox) -> None:
    service = settings.CAPACITOR
    enter_role("rows")
    writer = RowWriter(
        inbox,
        open_spool(),
        Directory.of_service(),
        actor="listener",
        process_delay=timedelta(milliseconds=service.process_delay),
        received=Waker(run_folder(), "prepare").wake,
        prepared=Waker(run_folder(), "deliver").wake,
    )
    writer.run()


def _end_now(error: BaseException) -> None:
    # Half a listener would accept images and never queue them, or seem to live and accept none.
    log.critical("the listener cannot go on and ends: %s", error)
    logging.shutdown()
    os._exit(1)


def _configs(port: int, share_port: bool) -> list[ScpConfig]:
    service = settings.CAPACITOR
    plain = ScpConfig(
        host="" if service.dicom_host == "0.0.0.0" else service.dicom_host,  # noqa: S104
        port=port,
        ae_title=service.ae_title,
        max_associations=service.max_associations,
        max_associations_per_address=max(1, service.max_associations // 2),
        max_object_bytes=service.max_object_mib << 20,
        checks=service.check_instances,
        reuse_port=share_port,
    )
    if not service.tls_port:
        return [plain]
    tls = TlsFiles(service.tls_certificate, service.tls_key, service.tls_client_ca)
    return [plain, replace(plain, port=service.tls_port, tls=tls)]


class TlsFiles:
    """
    The TLS context of the listener, made anew when its files have been replaced.

    WrongTlsFiles when they cannot be used at the start.  Later the last ones stay
    in force meanwhile: a certificate is there before its key, for a moment.
    """

    def __init__(self, certificate: str, key: str, client_ca: str) -> None:
        self._files = (certificate, key, client_ca)
        self._lock = threading.Lock()
        self._seen = self._look()
        self._context = _tls(*self._files)

    def __call__(self) -> ssl.SSLContext:
        with self._lock:
            seen = self._look()
            if seen != self._seen:
                self._seen = seen
                try:
                    self._context = _tls(*self._files)
                    log.info("TLS files have been replaced and are read anew: %s", ", ".join(filter(None, self._files)))
                except WrongTlsFiles as error:
                    log.error("%s; the last ones stay in force", error)
            return self._context

    def _look(self) -> object:
        try:
            return as_of(*self._files)
        except OSError as error:
            return error.errno


def _tls(certificate: str, key: str, client_ca: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        load_own(context, certificate, key)
    except OSError as error:
        raise WrongTlsFiles(f"CAPACITOR_TLS_CERTIFICATE={certificate!r}, CAPACITOR_TLS_KEY: {error}") from error
    if client_ca:
        try:
            context.load_verify_locations(client_ca)
        except (OSError, ssl.SSLError) as error:
            raise WrongTlsFiles(f"CAPACITOR_TLS_CLIENT_CA={client_ca!r}: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context
