"""What the programs of routing.engine.reading.file_reader have in common: their limits, and how they answer."""

import json
import logging
import resource
import sys
import warnings
from collections.abc import Callable
from typing import Any

from pydicom import config

_MIB = 1 << 20
_MOST_WRITTEN = 1 << 30
"""Bytes of the file that an element list may have to be made from."""


class Refusal(Exception):
    """The file cannot be shown; the text is a sentence for the page."""


def answer_one(work: Callable[[dict[str, Any]], tuple[dict[str, Any], bytes]]) -> None:
    """Take a request from the input, and write a line of JSON and bytes: what ``work`` makes of it, or its refusal."""
    warnings.simplefilter("ignore")
    # Values that break rules are what a person may be looking for.
    config.settings.reading_validation_mode = config.IGNORE
    logging.disable()
    limit = int(sys.argv[1]) * _MIB
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MOST_WRITTEN, _MOST_WRITTEN))
    # A core dump would hold patient data.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    body = b""
    try:
        head, body = work(json.load(sys.stdin))
    except Refusal as refusal:
        head = {"error": str(refusal)}
    except MemoryError:
        head = {"error": f"The file needs more than the {sys.argv[1]} MiB of memory that a page may use."}
    except OSError as error:
        # Without the path: pages tell nothing of the machine.
        head = {"error": f"The file cannot be read: {error.strerror or 'it is cut short'}."}
    except Exception as error:
        head = {"error": f"The file cannot be shown: {type(error).__name__}: {' '.join(str(error).split())}"[:500]}
    sys.stdout.buffer.write(json.dumps(head).encode("ascii") + b"\n" + body)
