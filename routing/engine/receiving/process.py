"""The listening process: admit who may send, receive into the spool, let the rows follow."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import Error as DatabaseProblem

from routing.core.identifiers import FILE_TAGS, new_identifiers
from routing.dicom.storage_scp import TURN, ScpConfig, StorageScp
from routing.engine.directory import Directory
from routing.engine.process import EngineProcess, enter_role
from routing.engine.receiving.admission import Admission
from routing.engine.receiving.quarantine import QuarantineWriter
from routing.engine.receiving.room import Room
from routing.engine.receiving.row_pipe import Inbox
from routing.engine.receiving.row_process import RowProcess
from routing.engine.receiving.row_writer import RowWriter
from routing.engine.receiving.tls_files import TlsFiles
from routing.folders import run_folder
from routing.processes.application_log import first_line
from routing.processes.sd_notify import Notifier, Pulse
from routing.processes.wakeup import Waker
from routing.queue.spool import open_spool

log = logging.getLogger("capacitor.listener")

_LAST_ROWS = 30.0
"""Seconds that the last rows may take when the listener ends."""


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
            process.live(
                rows.push,
                detail=lambda: {"ports": ports, "associations": sum(scp.association_count for scp in scps)},
            )
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
