import zlib
from dataclasses import asdict

import pytest

from scripts_app.core.dataset.brief import read_brief
from scripts_app.core.dataset.file_meta import read_file_meta
from tests.scripts_app.core.dataset.builders import DEFLATED, EXPLICIT, SYNTAXES, ct_elements, element, part10

WHOLE = {
    "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
    "sop_instance_uid": "1.2.3.4",
    "study_instance_uid": "1.2.3",
    "series_instance_uid": "1.2.3.9",
    "modality": "CT",
    "patient_id": "P1",
    "patient_name": "Doe^Jane",
    "accession_number": "ACC1",
}


def brief_of(folder, content, syntax=EXPLICIT):
    path = folder / "x.dcm"
    path.write_bytes(content)
    return read_brief(path, read_file_meta(content).dataset_offset, syntax)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_identity_is_read(tmp_path, syntax):
    brief = brief_of(tmp_path, part10(*ct_elements(syntax), syntax=syntax), syntax)
    assert asdict(brief.identity) == WHOLE
    assert brief.error == ""


def test_a_deflated_identity_is_read(tmp_path):
    deflater = zlib.compressobj(wbits=-15)
    packed = deflater.compress(b"".join(ct_elements())) + deflater.flush()
    brief = brief_of(tmp_path, part10(packed, syntax=DEFLATED), DEFLATED)
    assert asdict(brief.identity) == WHOLE
    assert brief.error == ""


def test_a_deflate_bomb_is_not_unpacked(tmp_path):
    deflater = zlib.compressobj(wbits=-15)
    bomb = element(0x00080018, "UI", "1.2.3.4") + element(0x00081030, "UN", b"", length=1 << 28)
    packed = deflater.compress(bomb) + deflater.compress(bytes(1 << 26)) + deflater.flush()
    brief = brief_of(tmp_path, part10(packed, syntax=DEFLATED), DEFLATED)
    assert brief.identity.sop_instance_uid == "1.2.3.4"
    assert "1048" in brief.error, "only the first MiB was looked at"


def test_nothing_behind_the_identity_matters(tmp_path):
    elements = b"".join(ct_elements())
    end = elements.index(b"\x20\x00\x0e\x00") + 16
    brief = brief_of(tmp_path, part10(elements[:end] + b"\x28\x00\x10\x00rubbish"))
    assert asdict(brief.identity) == WHOLE
    assert brief.error == ""


def test_a_broken_header_gives_what_was_read_and_the_reason(tmp_path):
    elements = b"".join(ct_elements())
    brief = brief_of(tmp_path, part10(elements[: elements.index(b"Jane")]))
    assert brief.identity.accession_number == "ACC1"
    assert brief.identity.patient_name == ""
    assert "0010,0010 at byte" in brief.error


@pytest.mark.parametrize("content", [b"", b"\x00" * 50, b"\xff" * 200])
@pytest.mark.parametrize("syntax", [EXPLICIT, DEFLATED, ""])
def test_nothing_raises(tmp_path, content, syntax):
    path = tmp_path / "x.dcm"
    path.write_bytes(content)
    assert read_brief(path, 0, syntax).identity.patient_id == ""
    assert read_brief(tmp_path / "none", 0, syntax).error
