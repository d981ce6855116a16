"""Ask for the dry runs of several images together, whatever one of them does to the process that tries it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from routing.processes.application_log import place_of
from scripts_app.core.collection import Collection
from scripts_app.dry_running.process import Unanswered

log = logging.getLogger("capacitor.rehearse")

Ask = Callable[[dict[str, Any]], dict[str, Any]]
"""Answers a question of the command dry_run_service; Unanswered."""


def answers_to(
    ask: Ask, contents: Sequence[Collection], trials: Sequence[dict[str, Any]], before_each: Callable[[], None]
) -> list[dict[str, Any]]:
    """
    ``{"result": ...}`` or ``{"refused": why}`` for every trial, in order.

    ``before_each`` is called before each question, and may raise to end all.
    """
    answers: list[dict[str, Any]] = []
    while len(answers) < len(trials):
        before_each()
        rest = trials[len(answers) :]
        try:
            told = ask({"contents": contents, "trials": rest, "with_queue": True})
            answers += told.get("answers") or [told]
        except Unanswered as error:
            answers.append({"refused": str(error)})
        except Exception as error:
            # One odd image must not end the rehearsal, nor be tried for ever.
            log.error("%s could not be tried: %s", rest[0]["file"].rpartition("/")[2], place_of(error))
            answers.append({"refused": f"{type(error).__name__} in the router itself"})
    return answers
