"""Files that are not as they should be: disordered ones edited as they are, deflated ones by files of their own."""

import io
import zlib
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.data import get_testdata_file

from routing.models import PrepareReport, QueueItem
from scripts_app.core.dataset import opening
from scripts_app.core.dataset.file_meta import read_file_meta
from tests.builders import ct_image, lua_entry, node
from tests.routing.engine.preparing.preparation import Preparation, copies_of, item

pytestmark = pytest.mark.django_db

DEFLATED = "1.2.840.10008.1.2.1.99"
JPIP_DEFLATED = "1.2.840.10008.1.2.4.95"
SET_PATIENT = "dataset:Set('PatientID', 'P-9')"


def deflated(dataset: bytes) -> bytes:
    return zlib.compress(dataset, wbits=-15)


def disordered() -> bytes:
    """Patient ID before everything else."""
    return bytes.fromhex("10002000") + b"LO\x04\x00OLD1" + ct_image(PatientID=None)


@pytest.fixture
def work(tmp_path: Path) -> Preparation:
    node("PACS")
    return Preparation(tmp_path)


def prepared_patient(work: Preparation, of: QueueItem) -> str:
    return str(pydicom.dcmread(work.files.path(of.prepared_file)).PatientID)


@pytest.mark.parametrize("syntax", [DEFLATED, JPIP_DEFLATED])
def test_a_deflated_image_is_edited_into_a_deflated_file_of_its_own(work: Preparation, syntax: str) -> None:
    lua_entry(SET_PATIENT)
    done = work.prepared(deflated(ct_image()), syntax=syntax)
    assert (done.state, done.recipe, done.patient_id) == ("Prepared", None, "P-9")
    content = work.files.path(done.prepared_file).read_bytes()
    meta = read_file_meta(content)
    assert meta.transfer_syntax_uid == syntax
    sent = zlib.decompress(content[meta.dataset_offset :], wbits=-15)
    came = pydicom.dcmread(io.BytesIO(sent), force=True)
    assert came.PatientID == "P-9"
    assert came.PixelData == bytes(range(64))
    assert [path.name for path in work.files.folder.iterdir()] == [done.prepared_file]


def test_a_disordered_image_is_edited_by_a_recipe_like_any_other(work: Preparation) -> None:
    lua_entry(SET_PATIENT)
    done = work.prepared(disordered())
    assert (done.state, done.prepared_file, done.patient_id) == ("Prepared", "", "P-9")
    assert done.recipe is not None
    assert list(work.files.folder.iterdir()) == []


def with_name_twice() -> bytes:
    """Nobody can say whose image this is."""
    return ct_image() + bytes.fromhex("10001000") + b"PN\x06\x00OTHER "


def test_an_image_in_which_an_element_stands_twice_is_not_edited_and_loses_neither(work: Preparation) -> None:
    lua_entry("dataset:Set('StationName', 'CT1')")
    done = work.prepared(with_name_twice())
    assert done.state == "Failed"
    assert "0010,0010 stands there twice" in done.last_error


def test_an_image_that_scripts_could_not_read_is_forwarded_where_no_entry_is_for_its_destination(
    work: Preparation,
) -> None:
    lua_entry("dataset:Set('StationName', 'CT1')", ae_titles=["AI"])
    done = work.prepared(with_name_twice())
    assert (done.state, done.recipe, done.prepared_file) == ("Prepared", None, "")
    report = PrepareReport.objects.get(item_id=done.id)
    assert [(entry["status"], entry["reason"]) for entry in report.entries] == [
        ("skipped", "destination is 'PACS', wanted AI")
    ]


@pytest.mark.parametrize(
    ("dataset", "syntax"), [(deflated(ct_image()), DEFLATED), (disordered(), "1.2.840.10008.1.2.1")]
)
def test_what_no_script_changed_needs_no_file_and_goes_out_as_it_came(
    work: Preparation, dataset: bytes, syntax: str
) -> None:
    lua_entry("print(dataset:Get('PatientName'))")
    done = work.prepared(dataset, syntax=syntax)
    assert (done.state, done.recipe, done.prepared_file) == ("Prepared", None, "")
    assert list(work.files.folder.iterdir()) == []


def test_each_changed_copy_has_a_file_of_its_own_also_for_a_destination_called_original(work: Preparation) -> None:
    node("original")
    node("AI")
    lua_entry(
        "dataset:Set('PatientID', 'OWN')\n"
        "route:Add('original', function(ds) ds:Set('PatientID', 'COPY') end)\nroute:Add('AI')"
    )
    done = work.prepared(deflated(ct_image()), syntax=DEFLATED)
    copies = copies_of(done)
    found = {title: prepared_patient(work, one) for title, one in {"PACS": done, **copies}.items()}
    assert found == {"PACS": "OWN", "original": "COPY", "AI": "OWN"}
    assert len(list(work.files.folder.iterdir())) == 3


@pytest.mark.parametrize("script", ["error('fail: no')", "error('retry: no')", "route:Drop()"])
def test_an_image_that_is_not_sent_leaves_no_file(work: Preparation, script: str) -> None:
    lua_entry(f"{SET_PATIENT} {script}")
    work.prepared(deflated(ct_image()), syntax=DEFLATED)
    assert list(work.files.folder.iterdir()) == []


def test_a_bomb_fails_its_item_at_the_limit_and_leaves_no_file(work: Preparation, monkeypatch: Any) -> None:
    monkeypatch.setattr(opening, "_MOST_INFLATED", 100_000)
    lua_entry(SET_PATIENT)
    bomb = work.prepared(deflated(ct_image(PixelData=bytes(10_000_000))), syntax=DEFLATED)
    assert bomb.state == "Failed"
    assert "100000" in bomb.last_error
    assert list(work.files.folder.iterdir()) == []


def test_pydicoms_deflated_sample_comes_through(work: Preparation) -> None:
    lua_entry(SET_PATIENT)
    identifier = work.sample(Path(str(get_testdata_file("image_dfl.dcm"))))
    assert work.step() == 1
    done = item(identifier)
    assert (done.state, done.patient_id) == ("Prepared", "P-9")
    assert prepared_patient(work, done) == "P-9"
