"""Synthetic images, built when a test needs them: small, complete, and different in what tests look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

SOP_CLASSES = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "MG": "1.2.840.10008.5.1.4.1.1.1.2",
    "US": "1.2.840.10008.5.1.4.1.1.6.1",
}
ROOT = "1.2.826.0.1.3680043.10.1000"


def image(modality: str = "CT", number: int = 1, *, rows: int = 32, columns: int = 32, **elements: Any) -> Dataset:
    """One image; ``number`` makes its SOP instance and Instance Number, other keywords win over the defaults."""
    dataset = Dataset()
    dataset.SOPClassUID = SOP_CLASSES[modality]
    kind = list(SOP_CLASSES).index(modality) + 1
    dataset.SOPInstanceUID = f"{ROOT}.{kind}.1.{number}"
    dataset.StudyInstanceUID = f"{ROOT}.{kind}"
    dataset.SeriesInstanceUID = f"{ROOT}.{kind}.1"
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.Modality = modality
    dataset.StudyDate = "20260101"
    dataset.StudyTime = "101500"
    dataset.AccessionNumber = f"A{kind}"
    dataset.StudyDescription = f"{modality} STUDY"
    dataset.PatientName = "SYNTHETIC^Zoë"
    dataset.PatientID = f"T-{kind}"
    dataset.PatientBirthDate = "19700101"
    dataset.InstanceNumber = number
    block = dataset.private_block(0x0011, "CAPACITOR TEST", create=True)
    block.add_new(0x01, "LO", f"private {number}")
    item = Dataset()
    item.ReferencedSOPClassUID = SOP_CLASSES[modality]
    item.ReferencedSOPInstanceUID = f"{ROOT}.{kind}.2.{number}"
    dataset.ReferencedImageSequence = [item]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.PixelData = bytes((number + at) % 251 for at in range(256)) * (rows * columns * 2 // 256)
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def write(dataset: Dataset, path: Path, transfer_syntax: str = ExplicitVRLittleEndian) -> Path:
    """Write a Part 10 file."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(transfer_syntax)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True)
    return path


def differences(left: Dataset, right: Dataset) -> set[str]:
    """Keywords (or tags) of the elements in which two data sets differ."""
    tags = {element.tag for dataset in (left, right) for element in dataset}
    return {
        tag_name(left if tag in left else right, tag)
        for tag in tags
        if tag not in left or tag not in right or left[tag] != right[tag]
    }


def tag_name(dataset: Dataset, tag: Any) -> str:
    return dataset[tag].keyword or str(tag)
