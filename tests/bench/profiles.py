"""
Where the time of each stage goes: samples of all stages by py-spy, as a tree for each.

    python -m tests.bench.profiles [--spy py-spy] [--work edits] [--write docs/performance-profiles.md]

py-spy is not among the router's tools; install it anywhere.  Its samples count what a thread waits for in the kernel,
such as the disk, as well as what it computes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.scripts import SCRIPTS
from tests.bench.table import write_between

ROOT = Path(__file__).resolve().parents[2]
ROOTS = {
    "Receive: an association's thread": "AcceptedAssociation._serve_one (routing/",
    "Write the rows": "enqueue (routing/",
    "Prepare": "Preparer.step (routing/",
    "Deliver: the main thread": "Deliverer.step (routing/",
    "Deliver: a courier": "Courier.send (routing/",
}
"""The function below which each stage happens, and the beginning of where it stands."""
_LEAST = 0.03
_DEEPEST = 14


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spy", default="py-spy", help="the program")
    parser.add_argument("--work", choices=sorted(SCRIPTS), default="edits")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--write", type=Path, help="page that takes the trees between its two marks")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        samples = Path(folder) / "samples"
        words = [
            *(options.spy, "record", "--native", "--function", "--rate", "500", "--format", "raw"),
            *("--output", str(samples), "--", sys.executable, "-m", "tests.bench.stages"),
            *("--work", options.work, "--rounds", str(options.rounds)),
        ]
        subprocess.run(words, cwd=ROOT, check=True, stdout=sys.stderr, timeout=900)
        text = "\n".join(report(samples.read_text().splitlines()))
    print(text)
    if options.write:
        write_between(options.write, "profiles", text)


@dataclass
class Tree:
    """Samples in a function and what it called."""

    samples: int = 0
    called: dict[str, Tree] = field(default_factory=dict)

    def add(self, frames: Sequence[str], samples: int) -> None:
        tree = self
        for frame in frames:
            tree = tree.called.setdefault(frame, Tree())
            tree.samples += samples

    def lines(self, whole: int, depth: int = 0) -> Iterator[str]:
        for frame, tree in sorted(self.called.items(), key=lambda item: -item[1].samples):
            if tree.samples >= _LEAST * whole and depth < _DEEPEST:
                yield f"{100 * tree.samples / whole:5.1f} % {'  ' * depth}{frame}"
                yield from tree.lines(whole, depth + 1)


def report(stacks: Iterable[str]) -> list[str]:
    """One tree for each stage, from py-spy's raw format: frames joined by semicolons, and a number of samples."""
    trees = {title: Tree() for title in ROOTS}
    for stack in stacks:
        joined, _, samples = stack.rpartition(" ")
        frames = [frame.rpartition(":")[0] + ")" if ":" in frame else frame for frame in joined.split(";")]
        for title, root in ROOTS.items():
            at = next((at for at, frame in enumerate(frames) if frame.startswith(root)), None)
            if at is not None:
                # Functions without a name are steps inside a library.
                trees[title].add([frame for frame in frames[at:] if not frame.startswith("0x")], int(samples))
    lines: list[str] = []
    for title, tree in trees.items():
        whole = sum(child.samples for child in tree.called.values())
        if whole:
            lines += [f"### {title}", "", f"{whole} samples.", "", "```text", *tree.lines(whole), "```", ""]
    return lines[:-1]


if __name__ == "__main__":
    main()
