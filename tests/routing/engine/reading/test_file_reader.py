"""Programs that read a stranger's file: limits hold, and what is wrong is a sentence."""

import base64
import io
import struct
import subprocess

import pydicom.data
import pytest
from PIL import Image

from routing.engine.reading import file_reader
from routing.engine.reading.file_reader import CannotRead, ask
from scripts_app.core.dataset.document import Document
from tests.images import image, write
from tests.scripts_app.core.dataset.builders import EXPLICIT, element, part10

pytestmark = pytest.mark.integration


def picture(path, frame=1, edge=512):
    about, content = ask("image_renderer", {"path": str(path), "frame": frame, "edge": edge})
    return about, Image.open(io.BytesIO(content))


def elements(path, folder, **request):
    usual = {"path": str(path), "draft": str(folder / "draft.part"), "most": 1000, "wanted": "", "values": True}
    return ask("element_lister", {**usual, **request})[0]


def greys(folder, values, **more):
    """An image of one row."""
    pixels = struct.pack(f"<{len(values)}h", *values)
    dataset = image("CT", PixelRepresentation=1, PixelData=pixels, Rows=1, Columns=len(values), **more)
    return write(dataset, folder / "greys.dcm")


def test_a_window_decides_what_is_black_and_what_is_white(tmp_path):
    path = greys(tmp_path, [-1000, -60, 40, 140, 3000, 0], WindowCenter=[40, 400], WindowWidth=[201, 2000])
    about, drawn = picture(path)
    assert about["how"] == "window 40 / 201"
    shown = list(drawn.tobytes())
    assert (shown[0], shown[1], shown[3], shown[4]) == (0, 0, 255, 255)
    assert abs(shown[2] - 127) <= 1


def test_rescaled_values_are_windowed_and_monochrome1_is_turned_round(tmp_path):
    values = [0, 1024, 2048, 4000, 0, 0]
    more = {"RescaleSlope": 1, "RescaleIntercept": -1024, "WindowCenter": 0, "WindowWidth": 100}
    _, plain = picture(greys(tmp_path, values, **more))
    _, turned = picture(greys(tmp_path, values, PhotometricInterpretation="MONOCHROME1", **more))
    assert [255 - grey for grey in plain.tobytes()] == list(turned.tobytes())
    assert plain.tobytes()[0] == 0
    assert plain.tobytes()[3] == 255


def test_without_a_window_greys_are_stretched_over_what_there_is(tmp_path):
    about, drawn = picture(greys(tmp_path, [5, 5, 10, 15, 15, 15]))
    assert about["how"] == "stretched, as it names no window"
    assert (min(drawn.tobytes()), max(drawn.tobytes())) == (0, 255)


@pytest.mark.parametrize(("asked", "told"), [(0, 1), (2, 2), (99, 3)])
def test_the_nearest_frame_is_drawn(tmp_path, asked, told):
    frames = b"".join(bytes([n]) * 32 * 32 * 2 for n in (1, 2, 3))
    path = write(image("CT", NumberOfFrames=3, PixelData=frames), tmp_path / "frames.dcm")
    about, _ = picture(path, frame=asked)
    assert (about["frame"], about["frames"]) == (told, 3)


def test_a_large_image_is_made_small(tmp_path):
    path = write(image("CT", rows=256, columns=128), tmp_path / "large.dcm")
    assert picture(path, edge=64)[1].size == (32, 64)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("SC_rgb_rle.dcm", "RGB"),
        ("examples_palette.dcm", "RGB"),
        ("MR_small_jp2klossless.dcm", "L"),
        ("JPEGLSNearLossless_16.dcm", "L"),
        ("image_dfl.dcm", "L"),
        ("examples_ybr_color.dcm", "RGB"),
    ],
)
def test_compressed_and_coloured_images_are_drawn(name, mode):
    (path,) = pydicom.data.get_testdata_files(name)
    assert picture(path)[1].mode == mode


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rtplan.dcm", "There is no image in it: RT Plan Storage."),
        ("SC_rgb_jpeg.dcm", "The pixels cannot be decoded: "),
    ],
)
def test_what_cannot_be_drawn_says_why(name, words):
    (path,) = pydicom.data.get_testdata_files(name)
    with pytest.raises(CannotRead, match=words):
        picture(path)


def test_an_image_without_its_pixels_says_so(tmp_path):
    dataset = image("CT")
    del dataset.PixelData
    with pytest.raises(CannotRead, match="its pixels are not in it"):
        picture(write(dataset, tmp_path / "empty.dcm"))


def test_an_image_that_claims_to_be_huge_ends_at_the_limit(tmp_path):
    dataset = image("CT", Rows=65535, Columns=65535, NumberOfFrames=1)
    with pytest.raises(CannotRead):
        picture(write(dataset, tmp_path / "huge.dcm"))


def test_a_program_that_does_not_end_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(file_reader, "_SECONDS", 0.001)
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *given, **more: started.append(popen(*given, **more)) or started[0])
    with pytest.raises(CannotRead, match="took longer than"):
        elements(tmp_path / "any.dcm", tmp_path)
    assert started[0].returncode is not None


def test_a_program_that_dies_is_told_as_a_sentence(monkeypatch, tmp_path):
    with pytest.raises(CannotRead, match="ended, perhaps at its limit"):
        ask("no_such_program", {})


def test_a_program_gets_none_of_the_services_secrets(monkeypatch, tmp_path):
    given = []
    popen = subprocess.Popen
    monkeypatch.setenv("DATABASE_URL", "a secret")
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **more: given.append(more["env"]) or popen(*a, **more))
    with pytest.raises(CannotRead):
        elements(tmp_path / "none.dcm", tmp_path)
    assert set(given[0]) <= {"PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG"}


def test_elements_are_those_of_the_recipe(tmp_path):
    path = write(image("CT"), tmp_path / "image.dcm")
    with Document.open(path) as document:
        document.root.set("PatientName", "ANON^7")
        document.root.remove("PatientID")
        recipe = base64.b64encode(document.recipe().dumps()).decode()
    told = elements(path, tmp_path, recipe=recipe, transfer_syntax_uid=EXPLICIT)
    values = {row["name"]: row["value"] for row in told["rows"]}
    assert values["PatientName"] == "ANON^7"
    assert "PatientID" not in values
    assert {row["name"] for row in elements(path, tmp_path)["rows"]} >= {"PatientID"}


def test_a_file_that_names_no_syntax_is_read_by_way_of_another_which_does_not_stay(tmp_path):
    path = tmp_path / "nameless.dcm"
    path.write_bytes(part10(element(0x00100010, "PN", "A^B"), element(0x00100020, "LO", "P-1"), syntax=""))
    told = elements(path, tmp_path)
    assert {row["value"] for row in told["rows"]} == {"P-1", "A^B"}
    assert "had to be rewritten" in told["note"]
    assert [file.name for file in tmp_path.iterdir()] == ["nameless.dcm"]


def test_bytes_that_are_no_data_set_are_refused_with_the_reason(tmp_path):
    path = tmp_path / "broken.dcm"
    path.write_bytes(part10(element(0x00100020, "LO", "P-1", length=4000)))
    with pytest.raises(CannotRead, match="elements cannot be read"):
        elements(path, tmp_path)
