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
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.scripts import SCRIPTS

_STUDY = "1.2.826.0.1.3680043.10.1000.7"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", choices=sorted(SCRIPTS), default="edits")
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--batch", type=int, default=64, help="images that a turn finds")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", action="store_true", help="count function calls instead of time")
    parser.add_argument("--profile", choices=("row", "prepare", "deliver"), help="show where this stage's time goes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "capacitor_web.settings",
            "CAPACITOR_DATA_DIR": folder,
            "CAPACITOR_BATCH_SIZE": str(options.batch),
        }
        sink, port = _sink(Path(folder) / "sink")
        try:
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", verbosity=0)
            _Bench(Path(folder), port, options).run()
        finally:
            os.kill(sink, signal.SIGTERM)
            os.waitpid(sink, 0)


class _Bench:
    """All three stages over the same images, as their processes run them."""

    def __init__(self, folder: Path, port: int, options: argparse.Namespace) -> None:
        from django.conf import settings

        from routing.engine.deliver import Deliverer
        from routing.engine.delivering import delivery_settings
        from routing.engine.directory import Directory
        from routing.engine.prepare import Preparer
        from routing.engine.preparing import prepare_settings
        from routing.engine.process import new_identifiers
        from routing.engine.watch import Watch
        from routing.models import Node
        from routing.presence import Presence
        from routing.spool import Spool
        from scripts_app.models import LuaEntry

        self.options = options
        self.new_id = new_identifiers()
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
        self.deliverer = Deliverer(presence.owner, self.spool, delivery_settings(), presence.journal)
        self.dataset = _dataset()
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
        from routing.engine.receive import enqueue
        from tests import builders

        instances = [
            builders.received(
                self.spool,
                self.dataset,
                identifier=self.new_id(),
                called_ae_title="ROUTER",
                sop_instance_uid=f"{_STUDY}.1.1",
            )
            for _ in range(self.options.images)
        ]
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

        for stage, work in (("row", rows), ("prepare", prepare), ("deliver", deliver)):
            self.figures.setdefault(stage, []).append(self._measure(stage, work) / len(instances))

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


def _dataset() -> bytes:
    """A CT header of about the size that scanners write, with few pixels: no stage but sending looks at them."""
    from tests import builders

    texts = (
        *("InstitutionName", "StationName", "Manufacturer", "StudyDescription", "SeriesDescription", "ProtocolName"),
        *("DeviceSerialNumber", "ManufacturerModelName", "MilitaryRank", "Occupation", "PatientComments"),
    )
    values: dict[str, Any] = dict.fromkeys(texts, "SYNTHETIC")
    values |= {f"{kind}Date": "20260101" for kind in ("Study", "Series", "Acquisition", "Content", "PatientBirth")}
    values |= {f"{kind}Time": "101500" for kind in ("Study", "Series", "Acquisition", "Content")}
    values |= dict.fromkeys(("SliceThickness", "KVP", "PatientWeight", "PatientSize", "TableHeight"), "1.5")
    return builders.ct_image(StudyInstanceUID=_STUDY, SeriesInstanceUID=f"{_STUDY}.1", **values)


def _sink(folder: Path) -> tuple[int, int]:
    """A process that takes every image and forgets it; its id and its port."""
    reader, writer = os.pipe()
    if pid := os.fork():
        os.close(writer)
        with os.fdopen(reader) as said:
            return pid, int(said.readline())
    from routing.core.identifiers import Identifiers
    from routing.dicom.storage_scp import ScpConfig, StorageScp
    from routing.spool import Spool

    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    spool = Spool(folder, "none")
    scp = StorageScp(
        ScpConfig(host="127.0.0.1", port=0),
        admit=lambda _: None,
        spool=spool,
        new_id=Identifiers(1),
        stored=lambda instance: spool.discard(instance.id),
        has_room=lambda: True,
        fatal=lambda _: os._exit(1),
    )
    os.write(writer, b"%d\n" % scp.start())
    ended.wait()
    scp.stop(0)
    os._exit(0)


if __name__ == "__main__":
    main()
