"""What still tells who the patient is, in a copy for a node that takes de-identified images only (PS3.15 E.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scripts_app.core.dataset.character_sets import codecs_of, decoded
from scripts_app.core.dataset.dictionary import tag_of
from scripts_app.core.dataset.encoding import PIXEL_DATA
from scripts_app.core.dataset.overlay import Dataset
from scripts_app.core.lint.finding import Element, Finding, Severity, elements_of, found_at, text_of

_SHORTEST = 4
"""Parts of the patient's values that are shorter are not looked for in other text: they stand in half of all words."""
_PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "OtherPatientIDs", "PatientBirthName")
_TABLE = """
AccessionNumber AcquisitionComments AcquisitionDate AcquisitionDateTime AcquisitionTime AdditionalPatientHistory
AdmittingDate AdmittingDiagnosesDescription AdmissionID Allergies BranchOfService
CommentsOnThePerformedProcedureStep ConsultingPhysicianName ContentCreatorName ContentDate ContentTime
CountryOfResidence CurrentPatientLocation DerivationDescription DetectorID DeviceSerialNumber DeviceUID EthnicGroup
FillerOrderNumberImagingServiceRequest FrameComments GantryID ImageComments InstanceCreationDate
InstanceCreationTime InstanceCreatorUID InstitutionAddress InstitutionName InstitutionalDepartmentName
InsurancePlanIdentification IssuerOfPatientID LastMenstrualDate MedicalAlerts MedicalRecordLocator MilitaryRank
NameOfPhysiciansReadingStudy Occupation OperatorsName OtherPatientIDs OtherPatientNames
PatientAddress PatientAge PatientBirthDate PatientBirthName PatientBirthTime PatientComments PatientID
PatientInsurancePlanCodeSequence PatientMotherBirthName PatientName PatientReligiousPreference PatientSex
PatientSexNeutered PatientSize PatientState PatientTelephoneNumbers PatientTransportArrangements PatientWeight
PerformedProcedureStepDescription PerformedProcedureStepID PerformedProcedureStepStartDate
PerformedProcedureStepStartTime PerformedStationAETitle PerformedStationName PerformingPhysicianName PersonAddress
PersonName PersonTelephoneNumbers PhysiciansOfRecord PhysiciansReadingStudyIdentificationSequence PlateID
PlacerOrderNumberImagingServiceRequest PregnancyStatus ProtocolName ReasonForStudy ReasonForTheRequestedProcedure
ReferringPhysicianAddress ReferringPhysicianName ReferringPhysicianTelephoneNumbers RegionOfResidence
RequestAttributesSequence RequestedProcedureComments RequestedProcedureDescription RequestedProcedureID
RequestingPhysician RequestingService ResponsibleOrganization ResponsiblePerson ScheduledPerformingPhysicianName
ScheduledProcedureStepDescription ScheduledProcedureStepID SeriesDate SeriesDescription SeriesTime SmokingStatus
SpecialNeeds StationName StudyComments StudyDate StudyDescription StudyID StudyTime TextString VerifyingObserverName
VerifyingOrganization
"""
_IDENTIFYING = frozenset(_TABLE.split())
"""Table E.1-1 of PS3.15: those of its attributes with text, dates and numbers that images really have."""
_UIDS = tuple(map(tag_of, ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")))
_REMOVED, _BURNED_IN = map(tag_of, ("PatientIdentityRemoved", "BurnedInAnnotation"))
_STRINGS = frozenset(b"AE AS CS DA DS DT IS LO LT PN SH ST TM UC UR UT UN UI".split())
_REPEATING = (0x5000, 0x6000)


@dataclass(frozen=True, slots=True)
class Known:
    """What the received image tells of its patient."""

    values: tuple[tuple[str, str], ...]
    """Keyword and a part of its value, in lower case, longest first."""
    whole: frozenset[str]
    """Those of the parts that are whole values."""
    received: frozenset[tuple[str, bytes]]
    """Keyword and value of every identifying element, wherever it stands."""


def known_of(received: Dataset) -> Known:
    found: list[tuple[str, str]] = []
    whole = frozenset(text_of(received, tag_of(keyword)).casefold() for keyword in _PATIENT)
    for keyword in _PATIENT:
        text = text_of(received, tag_of(keyword)).casefold()
        parts = {text, *text.replace("^", " ").replace("=", " ").replace("\\", " ").split()}
        found += [(keyword, part) for part in parts if len(part) >= _SHORTEST]
    told = ((each.keyword, each.value()) for each in elements_of(received) if each.keyword in _IDENTIFYING)
    return Known(tuple(sorted(found, key=lambda each: (-len(each[1]), each))), whole, frozenset(told))


def identifier_findings(element: Element, known: Known) -> Iterator[Finding]:
    """What must not be in a de-identified copy."""
    if element.tag >> 16 & 1:
        return
    if element.tag >> 16 & 0xFF00 in _REPEATING and element.tag & 0xFFFF in (0x3000, 0x4000):
        yield element.found(Severity.ERROR, "identifier", "is an overlay or curve, which may hold drawn text")
        return
    value = element.value()
    if not value.strip(b"\0 "):
        return
    if (element.keyword, value) in known.received:
        yield element.found(Severity.ERROR, "identifier", "is still what was received")
        return
    if element.vr in _STRINGS:
        # As the image says, and as it may be all the same.
        declared = decoded(value, codecs_of(element.dataset.character_sets()), name=element.vr == b"PN")
        text = "\0".join((declared, value.decode("utf-8", "replace"), value.decode("latin-1"))).casefold()
        keyword, part = next((each for each in known.values if each[1] in text), ("", ""))
        if keyword:
            # Half a name may be a word like any other; a number is none.
            severity = Severity.ERROR if part in known.whole else Severity.WARNING
            yield element.found(severity, "identifier", f"still holds (a part of) the received {keyword}")


def private_findings(elements: Iterable[Element]) -> Iterator[Finding]:
    """One for each group of private elements, wherever it stands: there may be hundreds."""
    counted: dict[str, int] = {}
    for element in elements:
        if element.tag >> 16 & 1 and element.tag & 0xFFFF >= 0x1000:
            group = element.path[:-4] + "xxxx"
            counted[group] = counted.get(group, 0) + 1
    for group, count in counted.items():
        message = "1 private element: nobody knows what it tells"
        if count > 1:
            message = f"{count} private elements: nobody knows what they tell"
        yield Finding(Severity.ERROR, "identifier", group, "", message)


def whole_findings(received: Dataset, sent: Dataset) -> Iterator[Finding]:
    """What concerns the copy as a whole."""
    for tag in _UIDS:
        uid = text_of(sent, tag)
        if uid and uid == text_of(received, tag):
            message = "is still the received one, which leads back to the patient"
            yield found_at(Severity.ERROR, "identifier", tag, message)
    if text_of(sent, _REMOVED) != "YES":
        yield found_at(Severity.WARNING, "identifier", _REMOVED, "does not say YES")
    if PIXEL_DATA in sent and text_of(sent, _BURNED_IN) != "NO":
        message = "does not say NO: nobody has looked whether names stand in the pixels"
        yield found_at(Severity.WARNING, "identifier", _BURNED_IN, message)
