"""nmap's scripts for DICOM against a listening process: it is found, learns nothing, and keeps nobody out."""

import shutil
import subprocess

import pytest

from tests.faults.attackers import served
from tests.routing.engine.engine import Engine

pytestmark = pytest.mark.integration
SENDERS = """
from routing.models import KnownSender, Node
Node.objects.create(ae_title="PACS")
KnownSender.objects.create(ae_title="GOOD")
KnownSender.objects.create(ae_title="ECHOSCU")
"""


def scan(engine: Engine, script: str, *arguments: str) -> str:
    nmap = shutil.which("nmap")
    if nmap is None:
        pytest.skip("nmap is not installed")
    command = [nmap, "-Pn", "-p", str(engine.port), "--script", f"+{script}", *arguments, "127.0.0.1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert not done.returncode, done.stderr
    return done.stdout


@pytest.mark.fault(
    18, "nmap's dicom-brute under a known calling AE title, with the right called ones at the end of its list"
)
def test_nmaps_guessing_of_titles_finds_none_and_is_told(make_engine, tmp_path, seen, effort) -> None:
    engine = make_engine()
    engine.python(SENDERS)
    engine.listener()
    worst = served(engine.port, called="PACS")
    titles = tmp_path / "titles.txt"
    count = effort(100, 1000)
    titles.write_text("\n".join([*(f"AET{n}" for n in range(count)), "PACS", "CAPACITOR"]))
    said = scan(engine, "dicom-brute", "--script-args", f"passdb={titles}")
    assert "Valid credentials" not in said
    assert "PACS" not in said
    alerts = "SELECT object FROM routing_auditrecord WHERE action = 'AE titles guessed'"
    assert engine.rows(alerts) == [("127.0.0.1",)]
    after = served(engine.port, called="PACS")
    put_off = engine.said().count("too many wrong AE titles from this address")
    seen(
        f"{count + 2} titles tried, none found, the right ones neither: {put_off} put off, an alert;"
        f" a known peer at the same address was served in {max(worst, after):.2f} s at worst"
    )


@pytest.mark.fault(7, "nmap's dicom-ping")
def test_nmaps_ping_is_answered_and_changes_nothing(make_engine, seen) -> None:
    engine = make_engine()
    engine.python(SENDERS)
    engine.listener()
    said = scan(engine, "dicom-ping")
    worst = served(engine.port, called="PACS")
    line = next((line.strip("|_ ") for line in said.splitlines() if "DICOM" in line or "config" in line), "no finding")
    seen(f"dicom-ping: {line}; then a good store took {worst:.2f} s at worst")
