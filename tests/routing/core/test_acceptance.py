"""Whether a node would take an image, told from what it accepted when it was asked."""

import pytest

from routing.core.acceptance import Negotiated, acceptance

CT, MR, PRIVATE = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", "1.2.3.4"
EXPLICIT, IMPLICIT, J2K, RLE = (
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.5",
)
HTJ2K, MPEG = "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.102"
ASKED = (EXPLICIT, IMPLICIT, J2K, RLE)


def asked(**taken):
    return Negotiated({CT: (EXPLICIT, RLE), **taken}, (CT, MR), ASKED)


@pytest.mark.parametrize(
    ("sop_class", "own", "demanded", "taken", "syntax", "words"),
    [
        (CT, EXPLICIT, "", True, "Explicit VR Little Endian", "as it is"),
        (CT, J2K, "", True, "Explicit VR Little Endian", "transcoded without loss"),
        (CT, EXPLICIT, RLE, True, "RLE Lossless", "transcoded without loss"),
        (CT, EXPLICIT, J2K, False, "JPEG 2000 Image Compression (Lossless Only)", "the node does not accept that"),
        (MR, EXPLICIT, "", False, "Explicit VR Little Endian", "does not accept SOP class MR Image Storage"),
        (PRIVATE, EXPLICIT, "", None, "Explicit VR Little Endian", "1.2.3.4 was not among"),
        (MR, MPEG, "", None, "MPEG-4 AVC/H.264 High Profile / Level 4.1", "was not among what the node was asked"),
        (CT, HTJ2K, "", None, "High-Throughput JPEG 2000 Image Compression (Lossless Only)", "was not among"),
    ],
)
def test_what_is_told(sop_class, own, demanded, taken, syntax, words):
    found = acceptance(sop_class, own, demanded, asked())
    assert (found.taken, found.transfer_syntax) == (taken, syntax)
    assert words in found.why


def test_of_a_node_that_was_never_asked_nothing_is_known():
    found = acceptance(CT, EXPLICIT, "", None)
    assert found.taken is None
    assert "never asked" in found.why


def test_a_sop_class_that_is_no_uid_is_told_as_it_is():
    assert "<x> was not among" in acceptance("<x>", EXPLICIT, "", asked()).why
