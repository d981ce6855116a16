"""The real site under daphne, with a database of its own, for tests and screenshots that need a browser."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from routing.spool.spool import Spool
from tests.fresh_database import put_fresh_database
from tests.pages.elsewhere import Elsewhere
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "synthetic password"
PEOPLE = f"""
from django.contrib.auth.models import Group, User
for group in Group.objects.all():
    name = group.name.replace(" ", "-")
    User.objects.create_user(name, password={PASSWORD!r}).groups.add(group)
"""


@dataclass
class Site:
    url: str
    environment: dict[str, str]
    daphne: "subprocess.Popen[bytes]"
    others: Elsewhere

    @property
    def pid(self) -> int:
        return self.daphne.pid

    def die(self) -> None:
        """End without a word, as by a power cut."""
        self.daphne.kill()
        self.daphne.wait()

    def rise(self) -> None:
        """Start again at the same address."""
        self.daphne = _serve(self.environment, int(self.url.rpartition(":")[2]))
        _until_it_listens(self.daphne)

    def elsewhere(self, code: str) -> None:
        """Run code in another process, as listener and workers are."""
        self.others.run(code)


@contextlib.contextmanager
def running_site(folder: Path, **settings: str) -> Iterator[Site]:
    """A site with one person for each role, and no data; stopped at the end.  ``settings``: of its environment."""
    # Items of the pages' tests have no files, which would look like a spool that is not mounted.
    Spool(folder / "spool", "none").mark()
    environment = {
        **os.environ,
        "CAPACITOR_DATA_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "tests.quick_passwords",
        "PYTHONUNBUFFERED": "1",
        **settings,
    }
    put_fresh_database(folder)
    port = free_port()
    daphne = _serve(environment, port)
    site = Site(f"http://127.0.0.1:{port}", environment, daphne, Elsewhere(environment))
    try:
        # While the server starts.
        site.elsewhere(PEOPLE)
        _until_it_listens(daphne)
        yield site
    finally:
        site.others.end()
        site.daphne.terminate()
        site.daphne.wait(timeout=20)


def _serve(environment: dict[str, str], port: int) -> "subprocess.Popen[bytes]":
    """A server that will listen at the port."""
    where = f"tcp:port={port}:interface=127.0.0.1"
    serve = [sys.executable, "-m", "daphne", "-e", where, "capacitor_web.asgi:application"]
    return subprocess.Popen(serve, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _until_it_listens(daphne: "subprocess.Popen[bytes]") -> None:
    assert daphne.stdout is not None
    said = []
    for line in daphne.stdout:
        said.append(line.decode())
        if "Listening on TCP address" in said[-1]:
            # Nobody reads on, and a full pipe would stop the server.
            threading.Thread(target=daphne.communicate, daemon=True).start()
            return
    raise AssertionError("daphne did not start:\n" + "".join(said))
