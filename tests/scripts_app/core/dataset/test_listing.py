"""The elements of a file as rows: complete, shortened, bounded, and silent about values that are not to be seen."""

import pytest

from scripts_app.core.dataset import listing
from scripts_app.core.dataset.errors import NotIndexable
from scripts_app.core.dataset.listing import listed
from tests.scripts_app.core.dataset.builders import EXPLICIT, SYNTAXES, element, item, part10, sequence

NAME, CREATOR, PRIVATE, CODES, PIXELS = 0x00100010, 0x00110010, 0x00111001, 0x00081032, 0x7FE00010
MEANING, VALUE = 0x00080104, 0x00080100


def image(folder, syntax=EXPLICIT, *more):
    codes = [
        item(element(VALUE, "SH", f"C{n}", syntax) + element(MEANING, "LO", f"code {n}", syntax), syntax)
        for n in (1, 2)
    ]
    elements = [
        sequence(CODES, codes, syntax),
        element(NAME, "PN", "TEST^ANNA", syntax),
        element(CREATOR, "LO", "ACME 1.0", syntax),
        element(PRIVATE, "LO", "secret", syntax),
        element(PIXELS, "OW", bytes(2048), syntax),
    ]
    path = folder / "image.dcm"
    path.write_bytes(part10(*elements, *more, syntax=syntax))
    return path


def told(found):
    return [(row.depth, row.tag, row.name, row.vr, row.value) for row in found.rows]


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_element_is_a_row_and_sequences_are_followed_by_what_stands_in_them(tmp_path, syntax):
    found = listed(image(tmp_path, syntax), most=100)
    private = "UN" if syntax != EXPLICIT and syntax != SYNTAXES[2] else "LO"
    assert told(found) == [
        (0, "0008,1032", "ProcedureCodeSequence", "SQ", ""),
        (1, "1", "", "", ""),
        (2, "0008,0100", "CodeValue", "SH", "C1"),
        (2, "0008,0104", "CodeMeaning", "LO", "code 1"),
        (1, "2", "", "", ""),
        (2, "0008,0100", "CodeValue", "SH", "C2"),
        (2, "0008,0104", "CodeMeaning", "LO", "code 2"),
        (0, "0010,0010", "PatientName", "PN", "TEST^ANNA"),
        (0, "0011,0010", "private creator", "LO", "ACME 1.0"),
        (0, "0011,1001", "private (ACME 1.0)", private, "secret"),
        (0, "7FE0,0010", "PixelData", "OW", "<2048 bytes>"),
    ]
    assert not found.cut
    assert found.rows[3].path == "0008,1032[1].0008,0104"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("code 2", ["0008,1032", "2", "0008,0104"]),
        ("patientname", ["0010,0010"]),
        ("ProcedureCode", ["0008,1032", "1", "0008,0100", "0008,0104", "2", "0008,0100", "0008,0104"]),
        ("0011,1001", ["0011,1001"]),
        ("0008,1032[2].0008,0100", ["0008,1032", "2", "0008,0100"]),
        ("nothing of it", []),
    ],
)
def test_a_search_tells_what_matches_and_what_it_stands_in(tmp_path, wanted, expected):
    assert [row.tag for row in listed(image(tmp_path), most=100, wanted=wanted).rows] == expected


def test_without_values_nothing_of_the_patient_is_told_or_found(tmp_path):
    path = image(tmp_path)
    assert "TEST" not in str(listed(path, most=100, values=False))
    assert "ACME" not in str(listed(path, most=100, values=False))
    assert listed(path, most=100, wanted="anna", values=False).rows == ()


def test_rows_are_bounded_and_the_rest_is_found_by_searching(tmp_path):
    path = image(tmp_path)
    found = listed(path, most=4)
    assert (len(found.rows), found.cut) == (4, True)
    assert [row.name for row in listed(path, most=4, wanted="pixel").rows] == ["PixelData"]


def test_a_search_ends_after_so_many_elements(tmp_path, monkeypatch):
    monkeypatch.setattr(listing, "_MOST_LOOKED_AT", 5)
    found = listed(image(tmp_path), most=100, wanted="pixel")
    assert (found.rows, found.cut) == ((), True)


def test_a_long_value_is_shortened_and_its_length_told(tmp_path):
    path = tmp_path / "long.dcm"
    path.write_bytes(part10(element(0x00104000, "LT", "x" * 5000)))
    (row,) = listed(path, most=10).rows
    assert len(row.value) < 450
    assert row.value.endswith("… <5000 bytes>")
    assert row.length == 5000


@pytest.mark.parametrize("depth", [63, 64])
def test_nesting_is_followed_to_its_limit_and_refused_beyond(tmp_path, depth):
    inner = element(MEANING, "LO", "deepest")
    for _ in range(depth):
        inner = sequence(CODES, [item(inner, undefined=True)], undefined=True)
    path = tmp_path / "deep.dcm"
    path.write_bytes(part10(inner))
    if depth == 64:
        assert max(row.depth for row in listed(path, most=1000).rows) == 128
        path.write_bytes(part10(sequence(CODES, [item(inner, undefined=True)], undefined=True)))
        with pytest.raises(NotIndexable, match="deeper than 64"):
            listed(path, most=1000)
    else:
        assert listed(path, most=1000, wanted="deepest").found == 1


def test_a_sequence_that_makes_no_sense_is_one_row_that_says_so(tmp_path):
    path = tmp_path / "broken.dcm"
    path.write_bytes(part10(element(CODES, "SQ", b"\xff" * 16), element(NAME, "PN", "A^B")))
    broken, name = listed(path, most=10).rows
    assert broken.vr == "UN"
    assert "cannot be read" in broken.value
    assert name.value == "A^B"
