"""What the router is made of, read from the locks: a bill of materials (CycloneDX), and known advisories (OSV)."""

from __future__ import annotations

import importlib.metadata
import json
import re
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
VENDOR = ROOT / "static/vendor/manifest.json"
_PATIENCE = 8.0
"""Seconds for the service of advisories to answer."""
ADVISORIES = "https://api.osv.dev/v1/querybatch"
_PIN = re.compile(r"(?P<name>[\w.-]+)(?:\[[\w,-]+\])?==(?P<version>[\w.!+-]+)")
_HASH = re.compile(r"--hash=sha256:(?P<digest>[0-9a-f]{64})")
_KIND = {"pypi": "PyPI", "npm": "npm"}
"""How package URLs and OSV call the same places."""


@dataclass(frozen=True, slots=True)
class Component:
    place: str
    """pypi or npm."""
    name: str
    version: str
    digests: tuple[str, ...] = ()
    """SHA-256 of the files that may be installed."""
    licence: str = ""

    @property
    def purl(self) -> str:
        """Package URL."""
        return f"pkg:{self.place}/{self.name.replace('@', '%40')}@{self.version}"


class Unpinned(Exception):
    """A line of the lock names no exact version, or no hash."""


def components() -> list[Component]:
    """Everything that is installed or served, by name."""
    return sorted([*pinned(LOCK.read_text(encoding="utf-8")), *_vendored()], key=lambda found: found.purl)


def pinned(lock: str) -> Iterator[Component]:
    """The packages of a lock; Unpinned names a line that would let something else in."""
    for block in re.split(r"\n(?=\S)", lock.strip()):
        if not block or block.startswith("#"):
            continue
        pin, digests = _PIN.match(block), tuple(_HASH.findall(block))
        if pin is None or not digests:
            raise Unpinned(f"{LOCK.name}: {block.splitlines()[0]!r} has no exact version or no hash")
        name = pin["name"].casefold().replace("_", "-")
        yield Component("pypi", name, pin["version"], digests, _licence(name))


def _licence(name: str) -> str:
    """As the installed package says it; empty where it is not installed, as on another platform."""
    try:
        told = cast(Message, importlib.metadata.metadata(name))
    except importlib.metadata.PackageNotFoundError:
        return ""
    said = told.get("License-Expression") or told.get("License") or ""
    # Some put the whole text there.
    return said if len(said) < 80 and "\n" not in said else ""


def _vendored() -> Iterator[Component]:
    for bundle in json.loads(VENDOR.read_text(encoding="utf-8")).values():
        for part in bundle.get("parts", ()):
            yield Component("npm", part["name"], part["version"], (), part.get("license", ""))


def bill_of_materials(found: Sequence[Component], version: str) -> dict[str, Any]:
    """CycloneDX 1.6; the same components give the same document."""
    listed = [_entry(component) for component in found]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([version, listed]))}",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "capacitor-web", "version": version}},
        "components": listed,
    }


def _entry(component: Component) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "library",
        "bom-ref": component.purl,
        "name": component.name,
        "version": component.version,
        "purl": component.purl,
    }
    if component.licence:
        entry["licenses"] = [{"license": {"name": component.licence}}]
    if component.digests:
        files = [{"alg": "SHA-256", "content": digest} for digest in component.digests]
        page = f"https://pypi.org/project/{component.name}/{component.version}/"
        entry["externalReferences"] = [{"type": "distribution", "url": page, "hashes": files}]
    return entry


class NotReachable(Exception):
    """Nobody could be asked; the text says why."""


def advisories(found: Sequence[Component], url: str = ADVISORIES) -> dict[str, list[str]]:
    """Ids of known advisories by package URL; NotReachable when the service does not answer."""
    queries = [
        {"package": {"name": component.name, "ecosystem": _KIND[component.place]}, "version": component.version}
        for component in found
    ]
    body = json.dumps({"queries": queries}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310  a URL of our own
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310
            results = json.load(answer)["results"]
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        raise NotReachable(str(getattr(error, "reason", error))) from error
    except (ValueError, KeyError, TypeError) as error:
        raise NotReachable("the answer cannot be read") from error
    return {
        component.purl: ids for component, result in zip(found, results, strict=False) if (ids := list(_ids(result)))
    }


def _ids(result: dict[str, Any]) -> Iterable[str]:
    return sorted(known["id"] for known in result.get("vulns", ()))
