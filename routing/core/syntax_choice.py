"""In which transfer syntax an item leaves: as it is where the node takes it so, losslessly transcoded otherwise."""

from collections.abc import Callable, Sequence

from pydicom import config
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from routing.core.transfer_syntax import name_of

EXPLICIT = str(ExplicitVRLittleEndian)
IMPLICIT = str(ImplicitVRLittleEndian)
DEFLATED = str(DeflatedExplicitVRLittleEndian)
COMPRESSING = frozenset(map(str, (RLELossless, JPEGLosslessSV1, JPEGLossless, JPEGLSLossless, JPEG2000Lossless)))
"""Lossless syntaxes that there is an encoder for."""
UNCOMPRESSED = frozenset((EXPLICIT, IMPLICIT, DEFLATED))
WRITABLE = UNCOMPRESSED | COMPRESSING
NO_ENCODER = f"there is no lossless encoder for it, only for {', '.join(sorted(map(name_of, COMPRESSING)))}"
READABLE = WRITABLE | frozenset(
    (
        str(ExplicitVRBigEndian),
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.51",
        "1.2.840.10008.1.2.4.81",
        "1.2.840.10008.1.2.4.91",
        "1.2.840.10008.1.2.4.201",
        "1.2.840.10008.1.2.4.202",
        "1.2.840.10008.1.2.4.203",
    )
)
"""Transcoding can start from these; video and what is private cannot be decoded."""


class NoSyntax(Exception):
    """The node takes the item in no transfer syntax that it can be given; the text names them."""


def proposals(own: str, demanded: str = "") -> tuple[str, ...]:
    """
    The transfer syntaxes to propose for an item, each in a context of its own.

    ``own`` is how it is at hand.  The uncompressed ones are always offered
    beside it where it can be decoded, so that one association tells what the
    node takes.
    """
    if own not in READABLE:
        return (own,)
    wanted = (demanded,) if demanded in WRITABLE else ()
    return tuple(dict.fromkeys((*wanted, own, EXPLICIT, IMPLICIT)))


def choose(
    sop_class_uid: str,
    own: str,
    demanded: str,
    accepts: Callable[[str], bool],
    has_pixels: Callable[[], bool],
) -> str:
    """
    The transfer syntax to send in; NoSyntax when there is none.

    A demanded syntax binds: a node that demands one and then refuses it gets
    nothing.  Only a compressing one means nothing for what has no pixels.
    """
    if demanded == own and accepts(own):
        return own
    if demanded and (demanded in UNCOMPRESSED or has_pixels()):
        if demanded not in WRITABLE and demanded != own:
            why = NO_ENCODER
        elif own not in READABLE and demanded != own:
            why = f"{name(own)} cannot be decoded here"
        elif not accepts(demanded):
            why = "the node does not accept that"
        else:
            return demanded
        raise NoSyntax(f"{name(sop_class_uid)} is demanded in {name(demanded)}: {why}")
    possible = proposals(own)
    for syntax in possible:
        if accepts(syntax):
            return syntax
    raise NoSyntax(f"the node does not accept SOP class {name(sop_class_uid)} in {_any_of(possible)}")


def name(uid: str) -> str:
    """The name of a SOP class or transfer syntax, or the UID when it has none."""
    # Senders write what they like; how it is wrong is not the question here.
    return UID(uid, config.IGNORE).name


def _any_of(syntaxes: Sequence[str]) -> str:
    names = [name(syntax) for syntax in syntaxes]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
