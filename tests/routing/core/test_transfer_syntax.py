"""Transfer syntaxes are found by the names that people write."""

import pytest

from routing.core.syntax_choice import COMPRESSING, NO_ENCODER
from routing.core.transfer_syntax import UnknownTransferSyntax, name_of, uid_of


@pytest.mark.parametrize(
    ("name", "uid"),
    [
        ("ExplicitVRLittleEndian", "1.2.840.10008.1.2.1"),
        ("JPEGProcess14SV1", "1.2.840.10008.1.2.4.70"),
        ("JPEGLossless", "1.2.840.10008.1.2.4.70"),
        ("JPEGLSLossless", "1.2.840.10008.1.2.4.80"),
        ("1.2.840.10008.1.2.5", "1.2.840.10008.1.2.5"),
    ],
)
def test_a_name_of_the_product_a_keyword_and_a_uid_all_lead_to_the_uid(name, uid):
    assert uid_of(name) == uid


def test_the_names_of_what_can_be_written_lead_to_all_of_it_when_they_are_written_down():
    names = NO_ENCODER.rpartition("only for ")[2].split(", ")
    assert {uid_of(name) for name in names} == COMPRESSING
    assert all(uid_of(name_of(uid)) == uid for uid in COMPRESSING)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UnknownTransferSyntax, match="did you mean JPEG2000Lossless"):
        uid_of("JPEG2000Losless")


def test_a_uid_that_is_no_transfer_syntax_is_refused():
    with pytest.raises(UnknownTransferSyntax):
        uid_of("1.2.840.10008.1.1")
