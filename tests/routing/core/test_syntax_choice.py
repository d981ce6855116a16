"""In which transfer syntax an item leaves."""

import pytest

from routing.core.syntax_choice import EXPLICIT, IMPLICIT, NoSyntax, choose, proposals

CT = "1.2.840.10008.5.1.4.1.1.2"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
RLE = "1.2.840.10008.1.2.5"
MPEG_4 = "1.2.840.10008.1.2.4.102"
PRIVATE = "1.2.826.0.1.3680043.9.1"


@pytest.mark.parametrize(
    ("own", "demanded", "proposed"),
    [
        (EXPLICIT, "", (EXPLICIT, IMPLICIT)),
        (IMPLICIT, "", (IMPLICIT, EXPLICIT)),
        (JPEG_2000, "", (JPEG_2000, EXPLICIT, IMPLICIT)),
        (EXPLICIT, RLE, (RLE, EXPLICIT, IMPLICIT)),
        (RLE, RLE, (RLE, EXPLICIT, IMPLICIT)),
        (EXPLICIT, JPEG_BASELINE, (EXPLICIT, IMPLICIT)),
        (MPEG_4, "", (MPEG_4,)),
        (MPEG_4, EXPLICIT, (MPEG_4,)),
        (PRIVATE, "", (PRIVATE,)),
    ],
)
def test_an_item_is_proposed_as_it_is_and_in_what_it_can_become(own, demanded, proposed):
    assert proposals(own, demanded) == proposed


@pytest.mark.parametrize(
    ("own", "demanded", "accepted", "pixels", "chosen"),
    [
        (JPEG_2000, "", {JPEG_2000, EXPLICIT, IMPLICIT}, True, JPEG_2000),
        (JPEG_2000, "", {EXPLICIT, IMPLICIT}, True, EXPLICIT),
        (JPEG_2000, "", {IMPLICIT}, True, IMPLICIT),
        (EXPLICIT, "", {IMPLICIT}, False, IMPLICIT),
        (EXPLICIT, RLE, {RLE, EXPLICIT, IMPLICIT}, True, RLE),
        (RLE, RLE, {RLE, EXPLICIT}, True, RLE),
        (RLE, RLE, {EXPLICIT}, False, EXPLICIT),
        (JPEG_2000, IMPLICIT, {JPEG_2000, IMPLICIT}, True, IMPLICIT),
        (EXPLICIT, RLE, {RLE, EXPLICIT}, False, EXPLICIT),
        (EXPLICIT, JPEG_BASELINE, {EXPLICIT}, False, EXPLICIT),
        (JPEG_BASELINE, JPEG_BASELINE, {JPEG_BASELINE}, True, JPEG_BASELINE),
        (MPEG_4, "", {MPEG_4}, True, MPEG_4),
    ],
)
def test_its_own_syntax_comes_first_unless_another_is_demanded(own, demanded, accepted, pixels, chosen):
    assert choose(CT, own, demanded, accepted.__contains__, lambda: pixels) == chosen


@pytest.mark.parametrize(
    ("own", "demanded", "accepted", "words"),
    [
        (MPEG_4, "", {EXPLICIT}, "does not accept SOP class CT Image Storage in MPEG-4"),
        (JPEG_2000, "", set(), "Explicit VR Little Endian or Implicit VR Little Endian"),
        (RLE, RLE, {EXPLICIT}, "demanded in RLE Lossless: the node does not accept that"),
        (EXPLICIT, EXPLICIT, {IMPLICIT}, "demanded in Explicit VR Little Endian: the node does not accept that"),
        (JPEG_BASELINE, JPEG_BASELINE, {EXPLICIT}, "the node does not accept that"),
        (MPEG_4, MPEG_4, {EXPLICIT}, "the node does not accept that"),
        (EXPLICIT, RLE, {EXPLICIT}, "demanded in RLE Lossless: the node does not accept that"),
        (
            EXPLICIT,
            JPEG_BASELINE,
            {EXPLICIT},
            "encoder for it, only for JPEG2000Lossless, JPEGLSLossless, JPEGLossless",
        ),
        (MPEG_4, EXPLICIT, {EXPLICIT, MPEG_4}, "cannot be decoded"),
    ],
)
def test_without_a_way_the_refusal_names_the_syntaxes(own, demanded, accepted, words):
    with pytest.raises(NoSyntax, match=words):
        choose(CT, own, demanded, accepted.__contains__, lambda: True)
