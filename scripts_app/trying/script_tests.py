"""Stored tests: an image and what is expected of the scripts, run in the process for dry runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User

from scripts_app.core.checks import readings_of
from scripts_app.core.collection import Collection
from scripts_app.core.expectation import expected_of, mismatches
from scripts_app.dry_running.process import Unanswered, ask
from scripts_app.models import ScriptTest
from scripts_app.outside import PHI, NoSample
from scripts_app.trying.samples import Sample, as_file, file_of, harmless

MOST_BYTES = 16 << 20
"""Of an image that is kept with a test, in the database."""


class NotKept(Exception):
    """The run cannot be kept as a test; the text says why."""


@dataclass(frozen=True, slots=True)
class Run:
    test: ScriptTest
    problems: Sequence[str]
    """Empty: as expected."""


def keep(name: str, sample: Sample, question: Mapping[str, Any], user: User) -> ScriptTest:
    """
    Keep what these scripts make of the sample as what is expected from now on; a test of that name is replaced.

    ``question`` as for a dry run: content, source, destination, given.
    """
    if not name:
        raise NotKept("give the test a name")
    replaced = ScriptTest.objects.defer("image").filter(name=name[:100]).first()
    if replaced is not None and not visible(replaced, user):
        raise NotKept("a test of that name has a patient's image; it is replaced by those who may see patient data")
    try:
        with file_of(sample) as file:
            if sample.kind != "bundled" and file.stat().st_size > MOST_BYTES:
                raise NotKept(f"an image of a test may have {MOST_BYTES >> 20} MiB at the most")
            # Twice, to see which values are new at each run.
            first, second = (_result(question, file) for _ in range(2))
            image = None if sample.kind == "bundled" else file.read_bytes()
    except (NoSample, Unanswered) as error:
        raise NotKept(str(error)) from None
    columns = {
        "bundled": sample.id if sample.kind == "bundled" else "",
        "image": image,
        "source_ae_title": question["source"][:16],
        "destination_ae_title": question["destination"][:16],
        "deidentified": harmless(sample),
        "given": question["given"],
        "expected": {**expected_of(first, second), **_written_by_hand(replaced, for_everybody=harmless(sample))},
        "created_by": user.get_username(),
    }
    return ScriptTest.objects.update_or_create(name=name[:100], defaults=columns)[0]


def _written_by_hand(replaced: ScriptTest | None, *, for_everybody: bool) -> dict[str, Any]:
    """What somebody has made of the expectations of the test that is replaced; a patient's values stay hidden."""
    if replaced is None or (for_everybody and not _harmless(replaced)):
        return {}
    return {key: replaced.expected[key] for key in ("checks", "exactly") if key in replaced.expected}


def run_all(content: Collection) -> list[Run]:
    """All tests over these scripts, of which everything is known to be there."""
    return [Run(test, _problems(test, content)) for test in ScriptTest.objects.all()]


def visible(test: ScriptTest, user: User) -> bool:
    """Whether this person may see what is expected of it, and what became of it: a patient's values, perhaps."""
    return _harmless(test) or user.has_perm(PHI)


def _harmless(test: ScriptTest) -> bool:
    return bool(test.bundled) or test.deidentified


def shown(run: Run, user: User) -> Run:
    """The run as this person may see it."""
    if not run.problems or visible(run.test, user):
        return run
    return Run(run.test, ["differs; shown to those who may see patient data"])


def _problems(test: ScriptTest, content: Collection) -> list[str]:
    try:
        with _image(test) as file:
            titles = {"source": test.source_ae_title, "destination": test.destination_ae_title}
            question = {"content": content, **titles, "given": test.given}
            result = _result(question, file, readings_of(test.expected))
    except (NoSample, Unanswered) as error:
        return [str(error)]
    return mismatches(test.expected, result)


def _image(test: ScriptTest) -> AbstractContextManager[Path]:
    return file_of(Sample("bundled", test.bundled, test.bundled)) if test.bundled else as_file(bytes(test.image or b""))


def _result(question: Mapping[str, Any], file: Path, read: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """Without the queue, so that a test says the same on every day; ``read``: elements whose values are needed."""
    asked = {name: question[name] for name in ("content", "source", "destination", "given")}
    more = {"detailed": True, "read": read} if read else {}
    answer = ask({**asked, "with_queue": False, "file": str(file), **more})
    if "refused" in answer:
        raise Unanswered(answer["refused"])
    result: dict[str, Any] = answer["result"]
    return result
