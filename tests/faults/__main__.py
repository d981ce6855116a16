"""
Run the cases and write docs/faults.md: ``python -m tests.faults [--full] [case or first-last ...] [-- words]``.

``--draw`` writes the page anew from what earlier runs saw, and runs nothing.
"""

import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.cases import CASES
from tests.faults.table import PAGE, ROOT, Result, read, results_of, write
from tests.faults.table import page as draw


def main(words: list[str]) -> int:
    """Words after -- go to pytest.  Returns its code."""
    if words == ["--draw"]:
        PAGE.write_text(draw(read()), encoding="utf-8")
        return 0
    at = words.index("--") if "--" in words else len(words)
    words, for_pytest = words[:at], words[at + 1 :]
    full = "--full" in words
    numbers = [number for word in words if word != "--full" for number in _numbers(word)]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "faults.json"
        command = [sys.executable, "-m", "pytest", "-q", "-m", "fault", f"--faults={report}"]
        command += [*(["--full"] if full else []), *(f"--case={number}" for number in numbers), *for_pytest]
        code = subprocess.call(command, cwd=ROOT)
        if not report.exists():
            return code
        tests = json.loads(report.read_text(encoding="utf-8"))
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    # A test of one case may tell of others; those are not what was asked for.
    asked = set(numbers) or set(CASES)
    fresh = results_of(tests, date=today, commit=_commit(), full=full)
    results = read()
    results |= {n: result for n, result in fresh.items() if n in asked and says_more(result, results.get(n))}
    write(results)
    PAGE.write_text(draw(results), encoding="utf-8")
    for number in sorted(asked & set(fresh)):
        print(f"{number:>4}  {fresh[number].verdict:<10} {'; '.join(fresh[number].seen)}")
    return code


def says_more(fresh: Result, kept: Result | None) -> bool:
    """Whether a row takes the place of the one before: a short run that survives tells less than a full one did."""
    return fresh.full or fresh.verdict == "FAILED" or kept is None or not kept.full


def _numbers(word: str) -> list[int]:
    first, _, last = word.partition("-")
    try:
        numbers = list(range(int(first), int(last or first) + 1))
    except ValueError:
        numbers = []
    if not numbers or not set(numbers) <= set(CASES):
        sys.exit(f"{word!r} is no case: 1 to {max(CASES)}, or a span such as 97-108")
    return numbers


def _commit() -> str:
    git = ["git", "-C", str(ROOT)]
    told = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True)
    # What this very run writes is no change of the program.
    lines = [line for line in changed.stdout.splitlines() if not line.endswith(("docs/faults.md", "results.json"))]
    return (told.stdout.strip() or "unknown") + ("+" if lines else "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
