"""
De-identify a data set by the Basic Application Level Confidentiality Profile (PS3.15 E.2), and say what was done.

Table E.1-1 of the profile lists single attributes.  Here rules by VR and group
take their place, which remove more: whatever may hold text, a name, a date or
an instance's UID goes, unless its keyword is known to be technical.  Pixels
are not looked at.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from pydicom._uid_dict import UID_dictionary

from scripts_app.core.dataset.dictionary import keyword_of, tag_of, vr_of
from scripts_app.core.dataset.document import Document
from scripts_app.core.dataset.edits import remove_value, set_value, text_at
from scripts_app.core.dataset.errors import DatasetError
from scripts_app.core.dataset.overlay import Dataset
from scripts_app.core.dataset.vr import vr_here

METHOD = "PS3.15 Basic Confidentiality Profile, by rules of VR and group"
_DUMMIES = {
    b"PN": "ANONYMOUS",
    b"AE": "ANON",
    b"AS": "000Y",
    b"DA": "19000101",
    b"TM": "000000",
    b"DT": "19000101000000",
    **dict.fromkeys((b"LO", b"SH", b"UC", b"LT", b"ST", b"UT"), "ANON"),
}
"""Valid where a value is required (type 1) and where it may be empty (type 2)."""
_REMOVED_GROUPS = frozenset((0x0032, 0x0038, 0x0400, 0x4000, 0x4008, 0xFFFA, 0xFFFC))
"""Requests, visits, signatures with the originals of what was changed, results, and padding."""
_REPEATING = (0x5000, 0x6000)
"""Curves and overlays, which may hold drawn text."""
_PATIENT = {"PatientName", "PatientID", "PatientBirthDate", "PatientSex"}
"""What every image must have of group 0010 (PS3.3 C.7.1.1); the rest of the group goes."""
_REMOVED = {
    *("IconImageSequence", "TimezoneOffsetFromUTC", "EncryptedAttributesSequence", "OriginalAttributesSequence"),
    *(
        "RequestAttributesSequence",
        "ReferencedPatientSequence",
        "ReferencedPatientPhotoSequence",
        "MACParametersSequence",
    ),
    *("DeidentificationMethod", "DeidentificationMethodCodeSequence", "ContributingEquipmentSequence"),
}
_TECHNICAL = {
    *("CodeValue", "CodingSchemeDesignator", "CodingSchemeVersion", "CodeMeaning", "LongCodeValue", "URNCodeValue"),
    *("Manufacturer", "ManufacturerModelName", "SoftwareVersions", "ConvolutionKernel", "FilterType", "SequenceName"),
    *("PulseSequenceName", "ImagedNucleus", "ReceiveCoilName", "TransmitCoilName", "RescaleType", "ModalityLUTType"),
    *("WindowCenterWidthExplanation", "LUTExplanation", "ImageFilter", "StackID", "DimensionDescriptionLabel"),
}
"""Text that says nothing of people, places or times."""
_DOCUMENTS = "1.2.840.10008.5.1.4.1.1.104."


class NotDeidentifiable(DatasetError):
    """Too much of the image is beyond these rules; the text says what."""


@dataclass(slots=True)
class Report:
    """What was done, in numbers of elements."""

    removed: int = 0
    replaced: int = 0
    uids: int = 0
    private: int = 0
    kept: list[str] = field(default_factory=list)
    """What a person must know of what is still there."""


def deidentify(document: Document, key: bytes) -> Report:
    """
    Lay the edits over the document.

    With one ``key`` the same UID and the same Patient ID become the same ones
    in every file, so that a study stays together; without it nobody finds the
    way back.  NotDeidentifiable for documents, and where text is known to stand in the pixels.
    """
    report = Report()
    root = document.dataset
    if (text_at(root, tag_of("SOPClassUID")) or "").startswith(_DOCUMENTS):
        raise NotDeidentifiable("a document (PDF, CDA and such) is not looked into, so nobody knows what it tells")
    if text_at(root, tag_of("BurnedInAnnotation")) == "YES":
        raise NotDeidentifiable("Burned In Annotation says that text stands in the pixels, which are not changed")
    if tag_of("PixelData") in root:
        report.kept.append("the pixels, with whatever is written in them")
    _Cleaner(key, report).clean(root)
    for keyword, value in (
        ("PatientIdentityRemoved", "YES"),
        ("DeidentificationMethod", METHOD),
        ("LongitudinalTemporalInformationModified", "REMOVED"),
    ):
        set_value(root, tag_of(keyword), value)
    return report


@dataclass(slots=True)
class _Cleaner:
    key: bytes
    report: Report

    def clean(self, dataset: Dataset) -> None:
        for tag in dataset.tags():
            keyword, vr = keyword_of(tag), vr_here(dataset, tag)
            if tag >> 16 & 1:
                self.report.private += 1
                dataset.put(tag, None)
            elif tag & 0xFFFF and not self._stays(tag, keyword, vr):
                self.report.removed += 1
                remove_value(dataset, tag)
            elif vr == b"SQ":
                sequence = dataset.sequence(tag)
                for item in sequence.items if sequence else ():
                    self.clean(item)
            elif vr == b"UI":
                self._replace_uids(dataset, tag)
            elif vr in _DUMMIES and keyword not in _TECHNICAL and dataset.length(tag):
                self.report.replaced += 1
                set_value(dataset, tag, self._patient_id(dataset, tag) if keyword == "PatientID" else _DUMMIES[vr])
            elif keyword == "PatientSex":
                self.report.replaced += 1
                set_value(dataset, tag, "")

    def _stays(self, tag: int, keyword: str, vr: bytes) -> bool:
        group = tag >> 16
        if group in _REMOVED_GROUPS or group & 0xFF00 in _REPEATING or keyword in _REMOVED:
            return False
        if group == 0x0010 and keyword not in _PATIENT:
            return False
        if keyword.startswith("GPS"):
            # Where a photograph was taken, in numbers.
            return False
        # What the dictionary does not know may be anything; UN may hold what somebody did not want to be read.
        return bool(vr_of(tag)) and vr not in (b"UN", b"UR", b"")

    def _replace_uids(self, dataset: Dataset, tag: int) -> None:
        before = text_at(dataset, tag) or ""
        # Those of the standard name classes and syntaxes, not instances.
        after = "\\".join(uid if uid in UID_dictionary else self._uid(uid) for uid in before.split("\\") if uid)
        if after != before:
            self.report.uids += 1
            set_value(dataset, tag, after)

    def _uid(self, uid: str) -> str:
        """A UID made from a UUID (PS3.5 B.2)."""
        return f"2.25.{int.from_bytes(self._digest(f'UID {uid.strip()}')[:16])}"

    def _patient_id(self, dataset: Dataset, tag: int) -> str:
        return f"ANON-{self._digest(f'PatientID {text_at(dataset, tag)}').hex()[:10].upper()}"

    def _digest(self, text: str) -> bytes:
        return hmac.digest(self.key, text.encode(), "sha256")
