"""Transfer syntaxes by the names that people write into settings and nodes.yml."""

from pydicom.uid import AllTransferSyntaxes

from scripts_app.core.nearest import nearest

PRODUCT_NAMES = {
    "JPEGProcess1": "1.2.840.10008.1.2.4.50",
    "JPEGProcess2_4": "1.2.840.10008.1.2.4.51",
    "JPEGProcess14": "1.2.840.10008.1.2.4.57",
    "JPEGProcess14SV1": "1.2.840.10008.1.2.4.70",
    "JPEGLossless": "1.2.840.10008.1.2.4.70",
    "JPEG2000Lossy": "1.2.840.10008.1.2.4.91",
    "JPEGLSNearLossless": "1.2.840.10008.1.2.4.81",
    "RLELossless": "1.2.840.10008.1.2.5",
}
"""Names that nodes.yml of the product uses where PS3.6 has another keyword."""

_KEYWORDS = {uid.keyword: str(uid) for uid in AllTransferSyntaxes}
_WRITTEN = {uid: keyword for keyword, uid in _KEYWORDS.items()} | {uid: name for name, uid in PRODUCT_NAMES.items()}


class UnknownTransferSyntax(ValueError):
    """Neither a name nor a UID of a transfer syntax."""


def uid_of(name: str) -> str:
    """
    The UID that a name of the product, a keyword of PS3.6 or a UID means.

    The product's names win.  UnknownTransferSyntax names the nearest name.
    """
    known = _KEYWORDS | PRODUCT_NAMES
    if name in known:
        return known[name]
    if name in known.values():
        return name
    meant = nearest(name, known)
    hint = f"; did you mean {meant}?" if meant else "; one is ExplicitVRLittleEndian"
    raise UnknownTransferSyntax(f"{name!r} is not a transfer syntax" + hint)


def name_of(uid: str) -> str:
    """A name that ``uid_of`` leads back to this UID, as not every keyword of PS3.6 does."""
    return _WRITTEN[uid]
