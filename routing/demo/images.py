"""Synthetic studies: data sets of people who do not exist, with pixels that look like something."""

from __future__ import annotations

import copy
import io
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    MRImageStorage,
    RLELossless,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from routing.demo import pictures

MODALITIES = ("CT", "MR", "MG", "US")


@dataclass(frozen=True, slots=True)
class Patient:
    name: str
    patient_id: str
    birth_date: str
    sex: str


PATIENTS = (
    Patient("DEMO^ANNA", "D-0001", "19610412", "F"),
    Patient("DEMO^BORIS", "D-0002", "19550930", "M"),
    Patient("DEMO^CÉLINE", "D-0003", "19780120", "F"),
    Patient("DEMO^DÖRTE", "D-0004", "19830806", "F"),
    Patient("DEMO^EMIL", "D-0005", "20010317", "M"),
    Patient("DEMO^FATIMA", "D-0006", "19900525", "F"),
)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: one study of one patient."""

    modality: str
    seed: str
    """Equal seeds make equal UIDs."""
    taken_at: datetime
    number: int = 1
    patient: Patient = PATIENTS[0]
    accession_number: str | None = None
    """None: made from the number; empty: the modality knows none."""


def study(request: Request) -> list[Dataset]:
    """The images of one CT, MR, MG or US study, in the order in which a modality sends them."""
    return _STUDIES[request.modality](request)


def encoded(dataset: Dataset, *, rle: bool = False) -> tuple[str, bytes]:
    """Transfer syntax UID (explicit VR little endian, or RLE) and the bytes of the data set alone."""
    # A deep copy: compress() changes the elements themselves.
    image = copy.deepcopy(dataset)
    if rle:
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.compress(RLELossless, generate_instance_uid=False)
        del image.file_meta
    buffer = io.BytesIO()
    dcmwrite(buffer, image, implicit_vr=False, little_endian=True, enforce_file_format=False)
    return (RLELossless if rle else ExplicitVRLittleEndian), buffer.getvalue()


def as_file(dataset: Dataset) -> bytes:
    """A DICOM file (PS3.10) in explicit VR little endian."""
    image = Dataset(dataset)
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dcmwrite(buffer, image, enforce_file_format=True)
    return buffer.getvalue()


def _ct(request: Request) -> list[Dataset]:
    scout = _image(request, CTImageStorage, 1, 1, "Scout", "CT of the chest")
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    _ct_pixels(scout, 0.5)
    images = [scout]
    for number in range(1, 7):
        image = _image(request, CTImageStorage, 2, number, "Chest axial", "CT of the chest")
        image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        image.SliceThickness, image.SliceLocation = "5", str(number * 5)
        image.ImagePositionPatient, image.ImageOrientationPatient = [-180, -180, number * 5], [1, 0, 0, 0, 1, 0]
        _ct_pixels(image, number / 7)
        images.append(image)
    return images


def _ct_pixels(image: Dataset, level: float) -> None:
    image.KVP, image.RescaleIntercept, image.RescaleSlope, image.RescaleType = "120", "-1024", "1", "HU"
    image.WindowCenter, image.WindowWidth, image.PixelSpacing = "-100", "1400", [2.8, 2.8]
    _set_pixels(image, (pictures.ct_slice(128, level) + 1024).astype(np.uint16), bits=12)


def _mr(request: Request) -> list[Dataset]:
    images = []
    for series, (name, contrast) in enumerate((("T1 axial", 0.0), ("T2 axial", 1.0)), start=1):
        for number in range(1, 5):
            image = _image(request, MRImageStorage, series, number, name, "MR of the head")
            image.ImageType = ["ORIGINAL", "PRIMARY", "M", "SE"]
            image.ScanningSequence, image.SequenceVariant, image.ScanOptions = "SE", "NONE", ""
            image.MRAcquisitionType, image.EchoTime, image.EchoTrainLength = "2D", "15" if not contrast else "90", "1"
            image.RepetitionTime, image.MagneticFieldStrength = "500" if not contrast else "4000", "1.5"
            image.PixelSpacing, image.SliceThickness = [1.8, 1.8], "5"
            image.ImagePositionPatient, image.ImageOrientationPatient = [-115, -115, number * 6], [1, 0, 0, 0, 1, 0]
            image.WindowCenter, image.WindowWidth = "600", "1200"
            _set_pixels(image, pictures.mr_slice(128, number / 5, contrast), bits=12)
            images.append(image)
    return images


def _mg(request: Request) -> list[Dataset]:
    images = []
    for number, (side, view) in enumerate((("L", "CC"), ("R", "CC"), ("L", "MLO"), ("R", "MLO")), start=1):
        name = f"{side} {view}"
        image = _image(
            request, DigitalMammographyXRayImageStorageForPresentation, number, 1, name, "Mammography, both sides"
        )
        image.ImageType, image.PresentationIntentType = ["ORIGINAL", "PRIMARY", ""], "FOR PRESENTATION"
        image.BodyPartExamined, image.ImageLaterality, image.ViewPosition = "BREAST", side, view
        image.PatientOrientation = ["P" if side == "R" else "A", "FL"]
        image.PixelIntensityRelationship, image.PixelIntensityRelationshipSign = "LOG", 1
        image.RescaleIntercept, image.RescaleSlope, image.RescaleType = "0", "1", "US"
        image.BurnedInAnnotation, image.LossyImageCompression = "NO", "00"
        image.WindowCenter, image.WindowWidth, image.ImagerPixelSpacing = "2048", "4096", [1.0, 1.0]
        _set_pixels(image, pictures.mammogram(240, 180, left=side == "L"), bits=12)
        images.append(image)
    return images


def _us(request: Request) -> list[Dataset]:
    images = []
    for number in (1, 2):
        image = _image(request, UltrasoundImageStorage, 1, number, "Abdomen", "Ultrasound of the abdomen")
        image.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"]
        _set_pixels(image, pictures.ultrasound(120, 160, number), bits=8)
        images.append(image)
    clip = _image(request, UltrasoundMultiFrameImageStorage, 2, 1, "Clip", "Ultrasound of the abdomen")
    clip.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"]
    frames = np.stack([pictures.ultrasound(90, 120, frame * np.pi / 4) for frame in range(8)])
    clip.NumberOfFrames, clip.FrameTime = "8", "40"
    clip.FrameIncrementPointer = 0x00181063
    _set_pixels(clip, frames, bits=8)
    return [*images, clip]


_STUDIES: dict[str, Callable[[Request], list[Dataset]]] = {"CT": _ct, "MR": _mr, "MG": _mg, "US": _us}


def _image(
    request: Request, sop_class_uid: str, series: int, number: int, series_description: str, study_description: str
) -> Dataset:
    """What every image has, whatever its modality."""
    image = Dataset()
    image.SpecificCharacterSet = "ISO_IR 100"
    image.SOPClassUID = sop_class_uid
    image.SOPInstanceUID = _uid(request, "instance", series, number)
    image.StudyInstanceUID, image.SeriesInstanceUID = _uid(request, "study"), _uid(request, "series", series)
    image.FrameOfReferenceUID = _uid(request, "frame", series)
    image.PositionReferenceIndicator = ""
    moment = request.taken_at
    image.StudyDate = image.SeriesDate = image.ContentDate = moment.strftime("%Y%m%d")
    image.StudyTime = image.SeriesTime = image.ContentTime = moment.strftime("%H%M%S")
    image.Modality, image.Manufacturer = request.modality, "Capacitor Web demo"
    image.ManufacturerModelName, image.DeviceSerialNumber, image.SoftwareVersions = "SYNTHETIC", "0", "1"
    image.InstitutionName, image.StationName = "DEMO HOSPITAL", f"DEMO_{request.modality}"
    image.ReferringPhysicianName = "REFERRER^RITA"
    image.PatientName, image.PatientID = request.patient.name, request.patient.patient_id
    image.PatientBirthDate, image.PatientSex = request.patient.birth_date, request.patient.sex
    accession_number = request.accession_number
    image.AccessionNumber = f"DA{request.number:06}" if accession_number is None else accession_number
    image.StudyID, image.SeriesNumber, image.InstanceNumber = str(request.number), str(series), str(number)
    image.StudyDescription, image.SeriesDescription = study_description, series_description
    image.PatientOrientation = None
    return image


def _set_pixels(image: Dataset, pixels: np.ndarray[Any, Any], *, bits: int) -> None:
    """Rows, columns and colour from the shape of the array: (frames,) rows, columns (, 3)."""
    colour = pixels.dtype == np.uint8
    image.SamplesPerPixel, image.PhotometricInterpretation = (3, "RGB") if colour else (1, "MONOCHROME2")
    if colour:
        image.PlanarConfiguration = 0
    image.Rows, image.Columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    image.BitsAllocated = 8 if colour else 16
    image.BitsStored, image.HighBit, image.PixelRepresentation = bits, bits - 1, 0
    image.PixelData = pixels.tobytes()
    image["PixelData"].VR = "OB" if colour else "OW"


def _uid(request: Request, *parts: object) -> str:
    """A UUID-derived UID (PS3.5 B.2) that depends on the request and the parts alone."""
    name = "/".join([request.seed, request.modality, *map(str, parts)])
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, name).int}"
