"""Presentation contexts: what the Storage SCP accepts, and how a batch is spread over proposals."""

from collections.abc import Collection, Iterable, Sequence
from functools import cache

from pydicom._uid_dict import UID_dictionary
from pynetdicom.sop_class import _STORAGE_CLASSES, Verification  # type: ignore[attr-defined]

from routing.dicom.associate import (
    ABSTRACT_SYNTAX_NOT_SUPPORTED,
    ACCEPTANCE,
    TRANSFER_SYNTAXES_NOT_SUPPORTED,
    ProposedContext,
    is_uid,
)

VERIFICATION: str = str(Verification)
IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
MOST_CONTEXTS = 128
"""Per association: ids are odd and fit a byte (PS3.8 9.3.2.2)."""

# SOP classes with Storage in their names that are not sent by C-STORE.
_NOT_STORED = {
    "1.2.840.10008.1.3.10",  # Media Storage Directory: a DICOMDIR
    "1.2.840.10008.1.20.1",  # Storage Commitment Push Model
    "1.2.840.10008.1.20.2",  # Storage Commitment Pull Model
}

COMMON_CLASSES = tuple(
    f"1.2.840.10008.5.1.4.1.1.{end}"
    for end in (
        "1",  # CR
        "1.1",  # DX for presentation
        "1.2",  # MG for presentation
        "13.1.3",  # breast tomosynthesis
        "2",  # CT
        "2.1",  # enhanced CT
        "4",  # MR
        "4.1",  # enhanced MR
        "6.1",  # US
        "3.1",  # US multi-frame
        "12.1",  # XA
        "20",  # NM
        "128",  # PET
        "7",  # secondary capture
        "11.1",  # grayscale presentation state
        "88.22",  # enhanced SR
        "104.1",  # encapsulated PDF
        "481.3",  # RT structure set
    )
)
COMMON_SYNTAXES = {
    "1.2.840.10008.1.2.1": "Explicit",
    IMPLICIT_VR_LITTLE_ENDIAN: "Implicit",
    "1.2.840.10008.1.2.4.50": "JPEG lossy",
    "1.2.840.10008.1.2.4.70": "JPEG lossless",
    "1.2.840.10008.1.2.4.80": "JPEG-LS",
    "1.2.840.10008.1.2.4.90": "JPEG 2000",
    "1.2.840.10008.1.2.5": "RLE",
}
"""Each with a name that fits over a column."""

Context = tuple[str, Sequence[str]]
"""An abstract syntax and the transfer syntaxes proposed for it."""


@cache
def _storage_classes() -> frozenset[str]:
    named = {uid for uid, (name, kind, *_) in UID_dictionary.items() if kind == "SOP Class" and "Storage" in name}
    return frozenset((named | set(_STORAGE_CLASSES.values())) - _NOT_STORED)


def common() -> list[Context]:
    """What most archives take or refuse: 18 SOP classes, each in 7 transfer syntaxes of its own; 126 contexts."""
    return [(sop_class, (syntax,)) for sop_class in COMMON_CLASSES for syntax in COMMON_SYNTAXES]


def is_storage(abstract_syntax: str) -> bool:
    """
    Tell whether instances of this abstract syntax can arrive by C-STORE.

    Every UID that neither the standard nor a library knows counts as storage:
    a private or future SOP class passes through a router like any other.  What
    is known and is not a storage SOP class (query, worklist, print …) does not.
    """
    return is_uid(abstract_syntax) and (abstract_syntax in _storage_classes() or abstract_syntax not in UID_dictionary)


def judge(proposed: ProposedContext, rejected: Collection[str] = ()) -> tuple[int, str]:
    """
    Decide one proposed context: (result, transfer syntax) for the A-ASSOCIATE-AC.

    Every transfer syntax can be stored, for nothing is decoded, so the first
    that is a UID at all is taken: requestors list first what they would rather send.
    ``rejected`` names SOP classes that this router shall not take.
    """
    abstract_syntax = proposed.abstract_syntax
    if abstract_syntax != VERIFICATION and (not is_storage(abstract_syntax) or abstract_syntax in rejected):
        return ABSTRACT_SYNTAX_NOT_SUPPORTED, IMPLICIT_VR_LITTLE_ENDIAN
    for transfer_syntax in proposed.transfer_syntaxes:
        if is_uid(transfer_syntax):
            return ACCEPTANCE, transfer_syntax
    return TRANSFER_SYNTAXES_NOT_SUPPORTED, IMPLICIT_VR_LITTLE_ENDIAN


def plan(wanted: Iterable[Context]) -> list[list[Context]]:
    """
    Spread what a batch needs over as few associations as the limit of 128 contexts allows.

    Each pair of SOP class and transfer syntax gets a context of its own, so
    that the acceptor cannot pick one syntax at the cost of another.  The
    syntaxes wanted together stay together.  Order is kept; repetitions cost nothing.
    """
    plans: list[dict[tuple[str, str], None]] = []
    for sop_class_uid, transfer_syntaxes in wanted:
        pairs = {(sop_class_uid, syntax): None for syntax in transfer_syntaxes}
        if len(pairs) > MOST_CONTEXTS:
            raise ValueError(f"{len(pairs)} transfer syntaxes of {sop_class_uid} are more than 128")
        for planned in plans:
            if len(planned | pairs) <= MOST_CONTEXTS:
                planned.update(pairs)
                break
        else:
            plans.append(pairs)
    return [[(sop_class_uid, (syntax,)) for sop_class_uid, syntax in planned] for planned in plans]
