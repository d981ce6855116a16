"""Answer dry runs of the web pages: one JSON line in, one out, until the input ends."""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.db import Error as DatabaseProblem

from routing.dry_run import UnknownTitle, of_scripts, try_file
from scripts_app.core.collection import script_set
from scripts_app.dry_run import UnusableFile


class Command(BaseCommand):
    help = __doc__ or ""
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        # Loaded once here, and not by the child of every trial.
        for module in ("directory", "facts", "state_book"):
            import_module(f"routing.engine.{module}")
        # What a library prints must not look like an answer.
        answers, sys.stdout = sys.stdout, sys.stderr
        for line in sys.stdin.buffer:
            answers.write(json.dumps(answer(json.loads(line))) + "\n")
            answers.flush()


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """``{"result": ...}`` as the manual lists it, or ``{"refused": why}``."""
    try:
        setting = of_scripts(script_set(question["content"]), with_queue=question["with_queue"])
        path = Path(question["file"])
        return {"result": try_file(path, question["source"], question["destination"], setting, None)}
    except UnusableFile as error:
        return {"refused": str(error).replace(question["file"], "the image")}
    except UnknownTitle as error:
        return {"refused": str(error).removeprefix("--")}
    except DatabaseProblem as error:
        return {"refused": f"the database cannot be used: {error}"}
