"""The table of docs/faults.md, drawn from what the last runs saw; kept as JSON beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.cases import CASES, DOES_NOT_APPLY
from tests.faults.headline import Figures, headline

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).parent / "results.json"
PAGE = ROOT / "docs/faults.md"

_HEAD = """\
# Faults

Made by `python -m tests.faults`: do not edit. Each case is one or more tests that do to the router what the case says
and look at what became of the images. *Nothing lost* means: each image that the router has acknowledged is delivered,
or is visible as failed, held, quarantined or dropped by a rule.

```sh
python -m tests.faults --full          # all cases with large counts; writes this page
python -m tests.faults --full 97-108   # some of them; the other rows stay as they were
```

A full run takes about an hour and a half. It can be made in parts, in any order and on different days, such as 1-44,
45, 46-76, 77-79, 80, 81-96, 97-108 and 109-130: each writes only the rows of its own cases, at its end. One that is
broken off writes the cases of which all tests had run.

`./check` runs the same tests with small counts. A short run by this command (without `--full`) leaves the row of a full
one as it is, unless a case fails.
"""


@dataclass
class Result:
    """What the last run saw of one case."""

    verdict: str
    """survived, FAILED or not tried."""
    done: list[str]
    seen: list[str]
    tests: int
    date: str
    commit: str
    full: bool
    seconds: float = 0.0
    """How long it took; a test of several cases is shared among them, so that they add up.  0: not measured."""
    figures: dict[str, Figures] = field(default_factory=dict)
    """What its tests have counted, by test: one that tries several cases counts once."""


def results_of(tests: list[dict[str, Any]], *, date: str, commit: str, full: bool) -> dict[int, Result]:
    """
    Put the tests of a run together by case; parametrized tests that saw the same are said once.

    A case of which a test was not run to its end is left out, unless another has failed.
    """
    results: dict[int, Result] = {}
    unfinished = {number for test in tests if test["outcome"] == "unfinished" for number, _ in test["faults"]}
    for test in tests:
        if test["outcome"] == "unfinished":
            continue
        for number, done in test["faults"]:
            result = results.setdefault(number, Result("not tried", [], [], 0, date, commit, full))
            result.seconds = round(result.seconds + test["seconds"] / len(test["faults"]), 2)
            if test["outcome"] == "skipped":
                _add(result.seen, f"not tried: {test['why']}")
                continue
            result.tests += 1
            if test["figures"]:
                result.figures[test["test"]] = test["figures"]
            if test["outcome"] == "failed":
                result.verdict = "FAILED"
                _add(result.seen, f"failed: {_sentence(test['test'])}")
                continue
            if result.verdict != "FAILED":
                result.verdict = "survived"
            if done:
                _add(result.done, done)
            for text in test["seen"] or [_sentence(test["test"])]:
                _add(result.seen, text)
    return {n: result for n, result in results.items() if n not in unfinished or result.verdict == "FAILED"}


def _add(texts: list[str], text: str) -> None:
    if text not in texts:
        texts.append(text)


def _sentence(nodeid: str) -> str:
    """Names of tests are sentences."""
    name = re.sub(r"\[.*", "", nodeid.rsplit("::", 1)[-1])
    return name.removeprefix("test_").replace("_", " ")


def read(path: Path = RESULTS) -> dict[int, Result]:
    if not path.exists():
        return {}
    return {int(number): Result(**row) for number, row in json.loads(path.read_text(encoding="utf-8")).items()}


def write(results: dict[int, Result], path: Path = RESULTS) -> None:
    rows = {str(number): asdict(results[number]) for number in sorted(results)}
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def page(results: dict[int, Result]) -> str:
    """The whole of docs/faults.md."""
    verdicts = [results[number].verdict for number in CASES if number in results and number not in DOES_NOT_APPLY]
    survived, failed = verdicts.count("survived"), verdicts.count("FAILED")
    away = len(CASES) - len(DOES_NOT_APPLY) - survived - failed
    lines = [
        _HEAD,
        f"**{survived} of {len(CASES)} survived**, {failed} failed, {away} not tried, "
        f"{len(DOES_NOT_APPLY)} do not apply.",
        "",
        *headline(_figures(results), survived, survived + failed),
    ]
    if timed := [result.seconds for result in results.values() if result.full and result.seconds]:
        lines += ["", f"The last full runs of {len(timed)} of these cases took {sum(timed) / 60:.0f} minutes."]
    section = ""
    for case in CASES.values():
        if case.section != section:
            section = case.section
            lines += [
                "",
                f"## {section}",
                "",
                "| case | what is done, and what has to follow | what was seen | verdict | date, commit |",
                "|---:|---|---|---|---|",
            ]
        lines.append(_row(case.number, results.get(case.number)))
    return "\n".join(lines) + "\n"


def _figures(results: dict[int, Result]) -> Iterable[Figures]:
    """Of each test once, whatever number of cases it tries: of its last full run, else of its last one."""
    found: dict[str, Figures] = {}
    for result in sorted(results.values(), key=lambda result: (result.full, result.date)):
        found |= result.figures
    return found.values()


def _row(number: int, result: Result | None) -> str:
    case = CASES[number]
    about = f"{case.done} → {case.promised}"
    if number in DOES_NOT_APPLY:
        return _cells(str(number), about, DOES_NOT_APPLY[number], "does not apply", "")
    if result is None:
        return _cells(str(number), about, "", "not tried", "")
    if result.done:
        about += f"\n*{'; '.join(result.done)}*"
    counted = f"{result.verdict} ({result.tests} test{'s' * (result.tests != 1)})" if result.tests else result.verdict
    when = f"{result.date}, {result.commit}" + ("" if result.full else ", short")
    return _cells(str(number), about, "\n".join(result.seen), counted, when)


def _cells(*texts: str) -> str:
    escaped = (text.replace("|", "\\|").replace("<", "&lt;").replace("\n", "<br>") for text in texts)
    return f"| {' | '.join(escaped)} |"
