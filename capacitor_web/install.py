"""Make ``.venv`` and install what the locks list; runs before anything is installed, so only the standard library."""

import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"

SAID_WITHOUT_NETWORK = (
    "Temporary failure in name resolution",
    "Name or service not known",
    "Network is unreachable",
    "Connection refused",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "NewConnectionError",
    "Max retries exceeded",
    "(from versions: none)",
)


class CannotInstall(Exception):
    """One sentence for the person who started this."""


def install(*locks: str) -> None:
    """
    Bring ``.venv`` to the state of these lock files; at once when nothing changed.

    A lock counts as installed only when pip has finished, so an installation
    that was broken off is taken up again by the next call.
    """
    try:
        with (ROOT / locks[0]).open() as first:
            # Two starts at the same moment would write the same files.
            fcntl.flock(first, fcntl.LOCK_EX)
            make_environment()
            for lock in locks:
                wanted = fingerprint(ROOT / lock)
                stamp = VENV / f".installed-{lock}"
                if not stamp.is_file() or stamp.read_text() != wanted:
                    install_lock(ROOT / lock)
                    stamp.write_text(wanted)
    except OSError as error:
        raise CannotInstall(why_not_here(error)) from error


def why_not_here(error: OSError) -> str:
    """One sentence of a file of the router, or of ``.venv``, that this user cannot use."""
    said = f"{error.filename or VENV}: {error.strerror}"
    if not isinstance(error, PermissionError):
        return said
    return (
        f"{said}. Who owns {ROOT} installs (./run install), with files that the router's user can read (umask 022), "
        "and a Python that this user can reach, such as /usr/bin/python3"
    )


def fingerprint(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def make_environment() -> None:
    """Make ``.venv`` unless its interpreter answers."""
    if PYTHON.exists() and quiet([str(PYTHON), "-c", ""]).returncode == 0:
        return
    print("Making the Python environment in .venv ...", flush=True)
    # Without ensurepip (Debian keeps it in a package of its own) an installed pip can fill the environment, too.
    command = [sys.executable, "-m", "venv", "--clear"]
    if importlib.util.find_spec("ensurepip") is None:
        if importlib.util.find_spec("pip") is None:
            raise CannotInstall(
                f"this Python ({sys.executable}) cannot make virtual environments; "
                "on Debian and Ubuntu install them first: apt-get install python3-venv"
            )
        command.append("--without-pip")
    made = quiet([*command, str(VENV)])
    if made.returncode:
        raise CannotInstall(f"cannot make .venv: {last_line(made.stdout + made.stderr)}")


def install_lock(lock: Path) -> None:
    count = sum(1 for line in lock.read_text().splitlines() if line[:1].isalnum())
    print(f"Installing up to {count} packages from {lock.name} (needed once; takes about a minute) ...", flush=True)
    pip = [str(PYTHON), "-m", "pip"]
    if quiet([*pip, "--version"]).returncode:
        pip = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    options = [
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar=off",
        "--no-warn-script-location",
    ]
    done = quiet([*pip, "install", *options, "--require-hashes", "-r", str(lock)])
    if done.returncode:
        raise CannotInstall(why_pip_failed(done.stderr))


def why_pip_failed(said: str) -> str:
    """One sentence from what pip printed."""
    if any(words in said for words in SAID_WITHOUT_NETWORK):
        return (
            "the package index does not answer, or has no such package: is there a network? "
            "Behind a proxy set HTTPS_PROXY, for a mirror PIP_INDEX_URL"
        )
    if "DO NOT MATCH THE HASHES" in said:
        return "a downloaded package is not the one that the lock file names (its hash differs); nothing was installed"
    if "No space left on device" in said:
        return "no space is left on the disk that holds .venv; about 700 MB are needed"
    return f"pip failed: {last_line(said)}"


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # pip ends with the error itself, or with hints under it.
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["no reason was given"])[-1].removeprefix("ERROR:").strip()


def quiet(command: list[str]) -> "subprocess.CompletedProcess[str]":
    # What pip reads from outside (mirror, proxy) stays; a foreign PYTHONPATH or virtual environment does not.
    strangers = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
    environment = {name: value for name, value in os.environ.items() if name not in strangers}
    return subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
