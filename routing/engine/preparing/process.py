"""The preparing process: step after step, sleeping while nothing is due."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings

from routing.core.identifiers import ROW_TAGS, new_identifiers
from routing.engine.directory import Directory
from routing.engine.pace import Pace
from routing.engine.preparing import secrets
from routing.engine.preparing.prepare import Preparer
from routing.engine.preparing.script_process import script_user
from routing.engine.preparing.settings import PrepareSettings
from routing.engine.process import IDLE, EngineProcess
from routing.engine.watching import strays
from routing.engine.watching.watch import Casualty, Watch
from routing.folders import run_folder
from routing.processes.wakeup import Waker, Wakeup
from routing.queue.spool import open_spool
from scripts_app.core.lua.limits import Limits


def prepare_settings() -> PrepareSettings:
    """The environment's settings in the form that the preparer takes."""
    service = settings.CAPACITOR
    return PrepareSettings(
        own_ae_title=service.ae_title,
        batch_size=service.batch_size,
        limits=Limits(
            seconds=service.lua_seconds,
            memory_bytes=service.lua_memory << 20,
            restricted=service.lua_stdlib == "restricted",
        ),
        retry_after=timedelta(seconds=service.prepare_retry),
        tries=service.prepare_tries,
        process_delay=timedelta(milliseconds=service.process_delay),
        apart=service.script_process == "image",
        script_user=script_user(service.script_user),
    )


def run(watch: Watch, casualty: Casualty | None) -> None:
    """Prepare until told to stop."""
    service = settings.CAPACITOR
    secrets.hide()
    strays.take_in_orphans()
    with EngineProcess("prepare") as process, contextlib.closing(Wakeup(run_folder(), "prepare")) as wakeup:
        watch.owner = process.owner
        deliver = Waker(run_folder(), "deliver")
        preparer = Preparer(
            process.owner,
            open_spool(),
            Directory.of_service(),
            prepare_settings(),
            watch=watch,
            new_id=new_identifiers(ROW_TAGS),
            prepared=deliver.wake,
            stopping=process.stopping.is_set,
            tidy=strays.end_strays,
        )
        turn = turns_of(preparer, service.batch_size, wakeup, deliver)
        process.work(
            turn, lambda: wakeup.wait(IDLE, process.stopping), wakeup=wakeup, casualty=casualty, turned=watch.turned
        )


def turns_of(preparer: Preparer, batch_size: int, wakeup: Wakeup, deliver: Waker) -> Callable[[], bool]:
    """Steps at the pace of the stream; when it has paused and all is prepared, who delivers is told so."""
    pace = Pace()

    def turn() -> bool:
        pace.begin()
        claimed = preparer.step()
        pace.found(claimed)
        if claimed < batch_size and wakeup.was_last():
            deliver.wake(last=True)
        elif 0 < claimed < batch_size and not preparer.alone:
            wakeup.rest(pace.left)
        return claimed > 0

    return turn
