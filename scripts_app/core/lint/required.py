"""Elements that an image must have (type 1) and that must at least stand there empty (type 2), PS3.3."""

from __future__ import annotations

from collections.abc import Iterator

from scripts_app.core.dataset.dictionary import tag_of
from scripts_app.core.dataset.overlay import Dataset
from scripts_app.core.lint.finding import Finding, Severity, found_at, text_of

_COMPOSITE = "SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID Modality"
"""C.12.1, C.7.2.1, C.7.3.1: every composite instance."""
_COMPOSITE_2 = (
    "PatientName PatientID PatientBirthDate PatientSex StudyDate StudyTime ReferringPhysicianName StudyID"
    " AccessionNumber SeriesNumber"
)
_PIXELS = "Rows Columns BitsAllocated BitsStored HighBit PixelRepresentation SamplesPerPixel PhotometricInterpretation"
"""C.7.6.3: whatever has PixelData."""
_PLANE = "PixelSpacing ImageOrientationPatient ImagePositionPatient FrameOfReferenceUID"
"""C.7.6.2, C.7.4.1: slices that stand somewhere in the patient."""
_BY_CLASS = {
    "1.2.840.10008.5.1.4.1.1.1": "",
    "1.2.840.10008.5.1.4.1.1.1.1": "ImageType PresentationIntentType RescaleIntercept RescaleSlope",
    "1.2.840.10008.5.1.4.1.1.1.2": "ImageType PresentationIntentType RescaleIntercept RescaleSlope",
    "1.2.840.10008.5.1.4.1.1.2": f"ImageType RescaleIntercept RescaleSlope {_PLANE}",
    "1.2.840.10008.5.1.4.1.1.4": f"ImageType ScanningSequence SequenceVariant {_PLANE}",
    "1.2.840.10008.5.1.4.1.1.128": f"ImageType Units CountsSource RescaleSlope {_PLANE}",
    "1.2.840.10008.5.1.4.1.1.3.1": "NumberOfFrames FrameIncrementPointer",
    "1.2.840.10008.5.1.4.1.1.104.1": "BurnedInAnnotation MIMETypeOfEncapsulatedDocument",
}
"""CR, DX, MG, CT, MR, PET, multi-frame US, PDF: A.2 to A.45."""


def required_findings(sent: Dataset) -> Iterator[Finding]:
    """What is missing now; whether it was received so is the caller's to compare."""
    wanted = _COMPOSITE.split() + _BY_CLASS.get(text_of(sent, tag_of("SOPClassUID")), "").split()
    if tag_of("PixelData") in sent:
        wanted += _PIXELS.split()
    for tag in map(tag_of, wanted):
        if tag not in sent:
            yield found_at(Severity.ERROR, "required", tag, "is missing, and must be there with a value (type 1)")
        elif not sent.length(tag):
            yield found_at(Severity.ERROR, "required", tag, "is empty, and must have a value (type 1)")
    for tag in map(tag_of, _COMPOSITE_2.split()):
        if tag not in sent:
            yield found_at(Severity.WARNING, "required", tag, "is missing, and must be there, if only empty (type 2)")
