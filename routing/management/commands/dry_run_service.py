"""Answer dry runs of the web pages: one JSON line in, one out, until the input ends."""

import json
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.db import Error as DatabaseProblem

from routing.core.given import Given
from routing.processes import capabilities
from routing.trials.dry_run import UnknownTitle, of_scripts, try_file, try_many
from scripts_app.core.collection import script_set
from scripts_app.core.ports import ScriptSet
from scripts_app.dry_running.dry_run import Stopped, UnusableFile
from scripts_app.dry_running.process import STOP

_BATCH = 20.0
"""Seconds after which no more of many trials is begun; who asks waits for the answer of each list so long."""


class Command(BaseCommand):
    help = __doc__ or ""
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        capabilities.give_up()
        # Loaded once here, and not by the child of every trial.
        for module in ("directory", "preparing.facts", "preparing.state_book"):
            import_module(f"routing.engine.{module}")
        # What a library prints must not look like an answer.
        answers, sys.stdout = sys.stdout, sys.stderr
        for line in sys.stdin.buffer:
            question = json.loads(line)
            # That nobody waits any more may come too late; the answer has gone then.
            if question != STOP:
                answers.write(json.dumps(answer(question, sys.stdin.fileno())) + "\n")
                answers.flush()


def answer(question: dict[str, Any], stop_when_readable: int | None = None) -> dict[str, Any]:
    """
    ``{"result": ...}`` as the manual lists it, with ``details`` if wanted, ``{"refused": why}``, or ``STOP``.

    A question with ``trials`` is answered by a list of such ``answers`` for the first of them, one at least.
    """
    try:
        if "trials" in question:
            return {"answers": answers_of(question)}
        setting = of_scripts(script_set(question["content"]), with_queue=question["with_queue"])
        result = try_file(
            Path(question["file"]),
            question["source"],
            question["destination"],
            setting,
            Path(question["output"]) if question.get("output") else None,
            given=Given.of_json(question.get("given") or {}),
            detailed=question.get("detailed", False),
            read=[(path, pattern) for path, pattern in question.get("read", ())],
            stop_when_readable=stop_when_readable,
        )
        return {"result": result}
    except Stopped:
        return STOP
    except (UnusableFile, UnknownTitle) as error:
        return _refusal(error, question["file"])
    except DatabaseProblem as error:
        return {"refused": f"the database cannot be used: {error}"}


def answers_of(question: dict[str, Any]) -> list[dict[str, Any]]:
    """``trials``: file, source, destination and the number of one of the ``contents``, each."""
    setting = of_scripts(ScriptSet((), {}), with_queue=question["with_queue"])
    settings = [replace(setting, scripts=script_set(content)) for content in question["contents"]]
    trials = question["trials"]
    asked = [(Path(each["file"]), each["source"], each["destination"], settings[each["content"]]) for each in trials]
    return [
        {"result": told} if isinstance(told, dict) else _refusal(told, trial["file"])
        for told, trial in zip(try_many(asked, _BATCH), trials, strict=False)
    ]


def _refusal(error: UnusableFile | UnknownTitle, file: str) -> dict[str, Any]:
    return {"refused": str(error).replace(file, "the image").removeprefix("--")}
