"""
What each stage costs by itself: the processor time of an image, and with --calls its function calls
(those of the threads that send left out).

    python -m tests.bench.stages [--work edits|forward|fanout] [--images 512] [--batch 64] [--rounds 5]
                                 [--calls] [--profile deliver]

Images lie ready in a data folder that is thrown away; a process beside takes what is delivered.
The least of the rounds counts: processor time is what other programs on the machine disturb least, but they do.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import os
import pstats
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from routing.core.identifiers import FILE_TAGS
from routing.core.instance import ReceivedInstance
from tests.bench import peers
from tests.bench.peers import Sender, sink
from tests.bench.scripts import SCRIPTS
from tests.images import image

STAGES = ("receive", "row", "prepare", "deliver")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", choices=sorted(SCRIPTS), default="edits")
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--batch", type=int, default=64, help="images that a turn finds")
    parser.add_argument("--kilobytes", type=int, default=512, help="of pixels in each image")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--beside", type=int, default=0, help="items that are in the queue already")
    parser.add_argument("--calls", action="store_true", help="count function calls instead of time")
    parser.add_argument("--profile", choices=STAGES, help="show where this stage's time goes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "capacitor_web.settings",
            "CAPACITOR_DATA_DIR": folder,
            "CAPACITOR_BATCH_SIZE": str(options.batch),
        }
        with (
            sink(Path(folder) / "sink", Path(folder) / "arrivals") as port,
            Sender(dataset(options.kilobytes << 10), Path(folder) / "sent") as sender,
        ):
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", verbosity=0)
            if options.beside:
                _long_queue(Path(folder), options.beside)
            _Bench(Path(folder), port, sender, options).run()


class _Bench:
    """All stages over the same images, as their processes run them."""

    def __init__(self, folder: Path, port: int, sender: Sender, options: argparse.Namespace) -> None:
        from django.conf import settings

        from routing.core.identifiers import new_identifiers
        from routing.engine.delivering.deliver import Deliverer
        from routing.engine.delivering.process import delivery_settings
        from routing.engine.directory import Directory
        from routing.engine.preparing.prepare import Preparer
        from routing.engine.preparing.process import prepare_settings
        from routing.engine.watching.watch import Watch
        from routing.models import Node
        from routing.processes.presence import Presence
        from routing.spool.spool import Spool
        from scripts_app.models import LuaEntry

        self.options = options
        self.new_id = new_identifiers(FILE_TAGS)
        for name in ("ROUTER", "COPY1", "COPY2"):
            Node.objects.create(ae_title=name, host="127.0.0.1", port=port)
        if script := SCRIPTS[options.work]:
            LuaEntry.objects.create(script=script)
        self.spool = Spool(folder / "spool", "none")
        service = settings.CAPACITOR
        self.directory = Directory(service.ae_title, service.ae_title_prefix)
        presence = Presence(folder / "run")
        self.preparer = Preparer(
            presence.owner,
            self.spool,
            self.directory,
            prepare_settings(),
            watch=Watch(),
            new_id=self.new_id,
            prepared=lambda: None,
        )
        self.deliverer = Deliverer(presence.owner, self.spool, delivery_settings(), presence.journal, presence.forget)
        self.sender = sender
        self.figures: dict[str, list[float]] = {}

    def run(self) -> None:
        gc.freeze()
        for _ in range(self.options.rounds):
            self._round()
        self.deliverer.stop(5)
        unit = "calls" if self.options.calls else "ms"
        for stage, figures in self.figures.items():
            print(f"{stage:8} {min(figures):9.3f} {unit}, median {sorted(figures)[len(figures) // 2]:9.3f}")
        print(f"{'all':8} {sum(min(figures) for figures in self.figures.values()):9.3f} {unit} for an image")

    def _round(self) -> None:
        from routing.engine.receiving.receive import enqueue

        instances: list[ReceivedInstance] = []
        scp = peers.scp(self.spool, self.new_id, instances.append)

        def receive() -> None:
            self.sender.send(port, self.options.images)

        batch = self.options.batch

        def rows() -> None:
            for at in range(0, len(instances), batch):
                enqueue(instances[at : at + batch], self.spool, self.directory, actor="listener")

        def prepare() -> None:
            while self.preparer.step():
                pass

        def deliver() -> None:
            while self.deliverer.step() or self.deliverer.busy:
                self.deliverer.idle(0.1)

        port = scp.start()
        for stage, work in zip(STAGES, (receive, rows, prepare, deliver), strict=True):
            self.figures.setdefault(stage, []).append(self._measure(stage, work) / self.options.images)
        scp.stop()

    def _measure(self, stage: str, work: Callable[[], None]) -> float:
        if self.options.calls or self.options.profile == stage:
            profile = cProfile.Profile()
            profile.runcall(work)
            found = pstats.Stats(profile)
            if self.options.profile == stage:
                found.sort_stats("tottime").print_stats(45)
            return float(found.total_calls)  # type: ignore[attr-defined]
        before = time.process_time()
        work()
        return (time.process_time() - before) * 1000


def _long_queue(folder: Path, items: int) -> None:
    """A queue of this length in which nothing is due: what waits, waits for nodes that are paused."""
    from routing.models import Node, QueueItem
    from tests.pages import million

    million.make(folder / "capacitor.sqlite3", items)
    Node.objects.update(paused=True)
    QueueItem.objects.filter(state="New").update(state="Delivered")


def dataset(size: int) -> bytes:
    """A CT image with a header as full as scanners write it, and about so many bytes of pixels."""
    texts = (
        *("InstitutionName", "StationName", "Manufacturer", "SeriesDescription", "ProtocolName", "Occupation"),
        *("DeviceSerialNumber", "ManufacturerModelName", "MilitaryRank", "PatientComments", "IssuerOfPatientID"),
    )
    values: dict[str, Any] = dict.fromkeys(texts, "SYNTHETIC")
    values |= {f"{kind}Date": "20260101" for kind in ("Series", "Acquisition", "Content")}
    values |= {f"{kind}Time": "101500" for kind in ("Series", "Acquisition", "Content")}
    values |= dict.fromkeys(("SliceThickness", "KVP", "PatientWeight", "PatientSize", "TableHeight"), "1.5")
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, False
    write_dataset(out, image(rows=max(1, size // 1024), columns=512, SOPInstanceUID=peers.INSTANCE, **values))
    return out.getvalue()


if __name__ == "__main__":
    main()
