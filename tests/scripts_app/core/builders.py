"""One image, a few entries, plain facts: what a pipeline test needs, with dull defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydicom.data import get_testdata_file

from scripts_app.core.dataset.document import Document
from scripts_app.core.lua.limits import Limits
from scripts_app.core.outcome import EntryReport, Outcome
from scripts_app.core.pipeline import run_entries
from scripts_app.core.ports import Entry, QueueItemFacts, ScriptSet, UnknownDestination
from scripts_app.core.workspace import Image

CT = Path(str(get_testdata_file("CT_small.dcm")))
CT_STUDY = "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"


def entry(script: str, number: int = 1, **fields: Any) -> Entry:
    return replace(Entry(number, fields.pop("description", ""), script, f"entry {number}"), **fields)


def entries(*scripts: str | Entry, libraries: Mapping[str, str] | None = None) -> ScriptSet:
    numbered = tuple(
        replace(script, number=number, chunk=script.chunk if script.chunk[:5] != "entry" else f"entry {number}")
        if isinstance(script, Entry)
        else entry(script, number)
        for number, script in enumerate(scripts, 1)
    )
    return ScriptSet(numbered, libraries or {})


@contextmanager
def image(path: Path = CT, **fields: Any) -> Iterator[Image]:
    with Document.open(path) as document:
        yield Image(**{"document": document, "source_ae_title": "SCANNER", "destination_ae_title": "PACS", **fields})


def row(**fields: Any) -> QueueItemFacts:
    dull = dict.fromkeys(QueueItemFacts.__dataclass_fields__, "")
    return QueueItemFacts(
        **{**dull, "id": 1, "attemptCount": 0, "state": "New", "studyInstanceUID": CT_STUDY, **fields}
    )


@dataclass
class PlainFacts:
    """Facts from plain lists; every AE title in ``nodes`` is a Storage node."""

    rows: Sequence[QueueItemFacts] = ()
    nodes: Sequence[str] = ("PACS", "AI_SERVER", "RESEARCH", "ARCHIVE")
    states: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def resolve(self, ae_title: str) -> str:
        name = ae_title.strip().removeprefix("DCP_")
        if name not in self.nodes:
            raise UnknownDestination(f"no enabled Storage node answers to {ae_title!r}; did you mean 'PACS'?")
        return name

    def total(self) -> int:
        return len(self.rows)

    def find(
        self, *, state: str | None = None, study: str | None = None, destination: str | None = None
    ) -> Sequence[QueueItemFacts]:
        return [
            found
            for found in self.rows
            if (state in (None, found.state))
            and (study in (None, found.studyInstanceUID))
            and (destination in (None, found.destinationAeTitle))
        ]

    def count(self, *, state: str | None = None, study: str | None = None, destination: str | None = None) -> int:
        return len(self.find(state=state, study=study, destination=destination))

    def study_destinations(self, study: str) -> Sequence[str]:
        return sorted({found.destinationAeTitle for found in self.find(study=study)})

    def study_modalities(self, study: str) -> Sequence[str]:
        return sorted({found.modality for found in self.find(study=study)})

    def node_stats(self, ae_title: str) -> Mapping[str, Any]:
        return {"success": 3, "avgTransferMs": 1.5, "lastEcho": {"success": True}, "node": self.resolve(ae_title)}

    def node_echo(self, ae_title: str) -> Mapping[str, Any]:
        return {"success": True, "latencyMs": 4, "message": self.resolve(ae_title)}

    def state(self, scope: str, uid: str) -> Mapping[str, Any]:
        self.asked.append((scope, uid))
        return self.states.get((scope, uid), {})


def run(
    *scripts: str | Entry,
    facts: PlainFacts | None = None,
    libraries: Mapping[str, str] | None = None,
    path: Path = CT,
    limits: Limits | None = None,
    **image_fields: Any,
) -> Outcome:
    with image(path, **image_fields) as received:
        scripts_set = entries(*scripts, libraries=libraries)
        return run_entries(scripts_set, received, facts or PlainFacts(), limits or Limits())


def printed(*scripts: str | Entry, **options: Any) -> list[str]:
    """The lines that the scripts print; none of them may fail."""
    outcome = run(*scripts, **options)
    assert [report.reason for report in outcome.entries if report.status == "error"] == []
    return [line.message for line in outcome.item_log]


def only_report(script: str, **options: Any) -> EntryReport:
    """The report of one entry run alone."""
    (report,) = run(script, **options).entries
    return report
