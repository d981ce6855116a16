"""Whether what was received and what would leave agree about who is what: instance, series, study and patient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from scripts_app.core.dataset.dictionary import named, tag_of
from scripts_app.core.dataset.overlay import Dataset
from scripts_app.core.lint.finding import Element, Finding, Severity, found_at, text_of

_STUDY, _SERIES, _INSTANCE = (tag_of(f"{name}InstanceUID") for name in ("Study", "Series", "SOP"))
_CLASS, _FRAME = tag_of("SOPClassUID"), tag_of("FrameOfReferenceUID")
_PATIENT = tag_of("PatientID")
_OWN = (_STUDY, _SERIES, _INSTANCE, _FRAME)


def replaced_uids(received: Dataset, sent: Dataset) -> dict[str, int]:
    """UIDs that the image no longer has, and the element that had each."""
    found = {}
    for tag in _OWN:
        before = text_of(received, tag)
        if before and before != text_of(sent, tag):
            found[before] = tag
    return found


def uid_findings(received: Dataset, sent: Dataset, kept: frozenset[str]) -> Iterator[Finding]:
    """``kept``: every value that the scripts keep in the tables of study and series, which other images share."""
    changed = {tag: text_of(received, tag) != text_of(sent, tag) for tag in (*_OWN, _CLASS, _PATIENT)}
    if changed[_STUDY] and not changed[_SERIES]:
        yield found_at(
            Severity.ERROR, "uid", _SERIES, "is that of the received series, which would belong to two studies"
        )
    if changed[_SERIES] and not changed[_INSTANCE]:
        yield found_at(
            Severity.ERROR, "uid", _INSTANCE, "is that of the received image, which would belong to two series"
        )
    if changed[_CLASS]:
        yield found_at(Severity.WARNING, "uid", _CLASS, "is another one: receivers read the image as another kind")
    if changed[_PATIENT] and not changed[_STUDY]:
        message = "changes and the study does not: one study of two patients, unless all its images change alike"
        yield found_at(Severity.WARNING, "patient", _PATIENT, message)
    for tag, where in ((_STUDY, "study"), (_SERIES, "series")):
        new = text_of(sent, tag)
        if changed[tag] and new and new not in kept:
            message = (
                f"is a new one: unless the script makes the same of each image, the {where} falls apart"
                f" (keep it in the table {where!r})"
            )
            yield found_at(Severity.WARNING, "uid", tag, message)
    present = [text_of(sent, tag) for tag in (_STUDY, _SERIES, _INSTANCE) if text_of(sent, tag)]
    if len(set(present)) < len(present):
        yield Finding(Severity.ERROR, "uid", "", "", "study, series and instance must have UIDs of their own")


def reference_findings(element: Element, replaced: Mapping[str, int]) -> Iterator[Finding]:
    """References that still name what has another UID now."""
    if element.vr != b"UI" or not replaced:
        return
    for value in element.value().decode("latin-1").rstrip("\0 ").split("\\"):
        tag = replaced.get(value.strip("\0 "))
        if tag is not None and not (tag == element.tag and "[" not in element.path):
            yield element.found(Severity.ERROR, "uid", f"still names the received {named(tag)}")
