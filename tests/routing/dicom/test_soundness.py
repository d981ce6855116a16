"""A data set that is cut off, or is not what its command said, is refused, kept apart and told; all else is taken."""

import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from routing.dicom.header_walk import MOST_HEADERS
from routing.dicom.soundness import fault_in, is_sound_at_a_glance
from routing.spool.quarantined import quarantined
from tests.builders import ct_image
from tests.faults.mutations import mutated
from tests.files_below import files_below
from tests.routing.dicom.peers import (
    CT_IMAGE,
    EXPLICIT,
    IMPLICIT,
    MR_IMAGE,
    RawPeer,
    RunningScp,
    bundled_instances,
    pdata,
    pdv,
    running_scp,
    store_command,
)

INSTANCE = "1.2.3.4.5"
DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG = "1.2.840.10008.1.2.4.70"
BIG = "1.2.840.10008.1.2.2"
UNDEFINED = b"\xff\xff\xff\xff"
END_OF_SEQUENCE, END_OF_ITEM = b"\xfe\xff\xdd\xe0\0\0\0\0", b"\xfe\xff\x0d\xe0\0\0\0\0"
ITEM = b"\xfe\xff\x00\xe0"


def judged(content: bytes, syntax: str = EXPLICIT, sop_class: str = CT_IMAGE) -> tuple[int, str] | None:
    return fault_in(b"meta" + content, 4, syntax, sop_class, INSTANCE)


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    long = vr in (b"OB", b"OW", b"SQ", b"UN")
    return head + (struct.pack("<HL", 0, len(value)) if long else struct.pack("<H", len(value))) + value


def nested(depth: int, *, closed: bool = True) -> bytes:
    opening = struct.pack("<HH", 0x0040, 0xA730) + b"SQ\0\0" + UNDEFINED + ITEM + UNDEFINED
    return opening * depth + (END_OF_ITEM + END_OF_SEQUENCE) * depth * closed


def stored(scp: RunningScp, content: bytes, instance: str = INSTANCE) -> int | None:
    with RawPeer(scp.port) as peer:
        peer.associate()
        peer.send(store_command(instance), pdata(pdv(content[:900_000])), pdata(pdv(content[900_000:], control=2)))
        return peer.response().status


WITHOUT_PIXELS = ct_image().split(b"\xe0\x7f\x10\0")[0]
PATIENT = ct_image().index(b"\x10\0\x10\0PN")
NOISE = bytes(range(256)) * 16


@pytest.mark.integration
@pytest.mark.parametrize(
    ("content", "status", "why"),
    [
        pytest.param(ct_image(SOPInstanceUID="1.2.9"), 0xA900, "(0008,0018) is not", marks=pytest.mark.fault(25)),
        pytest.param(ct_image(SOPClassUID=MR_IMAGE), 0xA900, "(0008,0016) is not", marks=pytest.mark.fault(25)),
        pytest.param(ct_image(SOPInstanceUID=None), 0xA900, "no SOP Instance UID", marks=pytest.mark.fault(27)),
        pytest.param(ct_image(StudyInstanceUID=None), 0xA900, "no Study Instance UID", marks=pytest.mark.fault(27)),
        (ct_image(SOPClassUID=None), 0xA900, "no SOP Class UID"),
        (ct_image(SOPClassUID=""), 0xA900, "no SOP Class UID"),
        pytest.param(NOISE, 0xC000, "no data set in their transfer syntax", marks=pytest.mark.fault(28)),
        pytest.param(ct_image()[:-10], 0xC000, "claims 64 bytes, 54 are left", marks=pytest.mark.fault(29)),
        pytest.param(ct_image()[:90], 0xC000, "cut off", marks=pytest.mark.fault(29)),
        pytest.param(
            WITHOUT_PIXELS + b"\xe0\x7f\x10\0OW\0\0\xfe\xff\xff\xff" + bytes(64),
            0xC000,
            "claims 4294967294 bytes",
            marks=pytest.mark.fault(29),
        ),
    ],
)
def test_what_is_no_valid_instance_is_refused_and_kept_in_quarantine(
    tmp_path: Path, content: bytes, status: int, why: str, seen
) -> None:
    with running_scp(tmp_path) as scp:
        assert stored(scp, content) == status
        assert scp.files() == []
        assert stored(scp, ct_image()) == 0
    refused = scp.refused[0]
    assert (refused.status, refused.kept, refused.instance.calling_ae_title) == (status, True, "RAW")
    assert why in refused.reason
    kept = quarantined(scp.spool, refused.instance.id).read_bytes()
    assert kept[refused.instance.dataset_offset :] == content
    seen(f"0x{status:04X}, in quarantine: {refused.reason}")


@pytest.mark.integration
@pytest.mark.fault(28)
def test_an_empty_data_set_and_a_bad_command_are_told_though_there_is_no_file(tmp_path: Path) -> None:
    with running_scp(tmp_path) as scp:
        assert stored(scp, b"") == 0xC000
        with RawPeer(scp.port) as peer:
            peer.associate()
            peer.send(store_command("../../x"))
            assert peer.response().status == 0x0117
    assert [(refused.status, refused.kept) for refused in scp.refused] == [(0xC000, False), (0x0117, False)]
    assert files_below(scp.spool.root) == []


@pytest.mark.integration
def test_without_the_check_everything_is_taken(tmp_path: Path) -> None:
    with running_scp(tmp_path, checks=False) as scp:
        assert stored(scp, ct_image(SOPInstanceUID="1.2.9")) == 0
    assert scp.refused == []


@pytest.mark.parametrize(
    "content",
    [
        ct_image(),
        ct_image() + element(0xFFFCFFFC, b"OB", bytes(6)),
        WITHOUT_PIXELS,
        WITHOUT_PIXELS + bytes(2),
        pytest.param(WITHOUT_PIXELS + element(0x00E10010, b"ZZ", b"ab"), marks=pytest.mark.fault(42)),
        pytest.param(WITHOUT_PIXELS + b"\xe1\0\x10\0??\x08\0", marks=pytest.mark.fault(42)),
        pytest.param(WITHOUT_PIXELS + element(0x7FE00010, b"OB", b"odd"), marks=pytest.mark.fault(29)),
        ct_image()[PATIENT:] + ct_image()[:PATIENT],
        pytest.param(WITHOUT_PIXELS + nested(65), marks=pytest.mark.fault(30)),
        pytest.param(WITHOUT_PIXELS + nested(500), marks=pytest.mark.fault(30)),
        pytest.param(WITHOUT_PIXELS + nested(9000), marks=pytest.mark.fault(30)),
        pytest.param(
            WITHOUT_PIXELS + b"".join(element(0x00410000 + n, b"LO", b"") for n in range(65000)),
            marks=pytest.mark.fault(31),
        ),
    ],
    ids=range(12),
)
def test_nothing_is_held_against_what_can_be_forwarded_as_it_came(content: bytes) -> None:
    assert judged(content) is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (WITHOUT_PIXELS + nested(3, closed=False), "has no end"),
        (WITHOUT_PIXELS + nested(2, closed=False) + element(0x00400001, b"LO", b"four")[:-2], "are claimed"),
        (WITHOUT_PIXELS + b"\xe0\x7f\x10\0OB\0\0" + UNDEFINED + ITEM + b"\x04\0\0\0abcd", "has no end"),
        (WITHOUT_PIXELS + b"\xe0\x7f\x10\0OB\0\0" + UNDEFINED + ITEM + b"\xff\0\0\0abcd", "has no end"),
        (WITHOUT_PIXELS + b"\xe0\x7f\x10\0OB", "inside the header"),
    ],
)
def test_a_data_set_that_ends_inside_a_sequence_or_among_fragments_is_cut_off(content: bytes, why: str) -> None:
    fault = judged(content)
    assert fault is not None
    status, told = fault
    assert status == 0xC000
    assert "cut off" in told and why in told


def test_encapsulated_pixel_data_with_its_end_is_whole() -> None:
    content = WITHOUT_PIXELS + b"\xe0\x7f\x10\0OB\0\0" + UNDEFINED + ITEM + b"\x04\0\0\0abcd" + END_OF_SEQUENCE
    assert judged(content, JPEG) is None


@pytest.mark.parametrize(("study", "status"), [("1.2.3", None), (None, 0xA900)])
def test_what_cannot_be_read_hides_no_missing_study_in_front_of_it(study: str | None, status: int | None) -> None:
    head = ct_image(StudyInstanceUID=study).split(b"\xe0\x7f\x10\0")[0]
    fault = judged(head + element(0x00290010, b"??", b"ab"))
    assert (fault and fault[0]) == status


def test_behind_very_many_headers_nothing_is_looked_at() -> None:
    many = b"".join(element(0x00410000 + n, b"LO", b"") for n in range(MOST_HEADERS))
    assert judged(WITHOUT_PIXELS + many + b"\xe0\x7f\x10\0OB") is None


def test_implicit_vr_where_explicit_was_negotiated_is_understood_as_readers_do() -> None:
    implicit = b"".join(
        struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value)) + value
        for tag, value in (
            (0x00080016, CT_IMAGE.encode() + b"\0"),
            (0x00080018, INSTANCE.encode() + b"\0"),
            (0x0020000D, b"1.2.34"),
        )
    )
    assert judged(implicit, IMPLICIT) is None
    assert judged(implicit, EXPLICIT) is None


@pytest.mark.fault(32)
def test_of_a_deflated_data_set_the_beginning_is_read_whatever_it_inflates_to(seen) -> None:
    def deflated(content: bytes) -> bytes:
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        return packer.compress(content) + packer.flush()

    bomb = deflated(WITHOUT_PIXELS + element(0x7FE00010, b"OB", bytes(64 << 20)))
    assert judged(bomb, DEFLATED) is None
    assert judged(deflated(ct_image(SOPInstanceUID="1.2.9")), DEFLATED)[0] == 0xA900
    assert judged(b"\xff" * 100, DEFLATED)[0] == 0xC000
    seen(f"{len(bomb):,} bytes that inflate to 64 MiB: the listener inflates 256 KiB of them")


def test_a_glance_at_the_head_is_enough_for_a_plain_image() -> None:
    content = ct_image()
    head = content[: content.rindex(b"\xe0\x7f\x10\0") + 12]
    assert is_sound_at_a_glance(head, len(content), EXPLICIT, CT_IMAGE, INSTANCE)
    for size in (len(content) - 1, len(content) + 1):
        assert not is_sound_at_a_glance(head, size, EXPLICIT, CT_IMAGE, INSTANCE)
    assert not is_sound_at_a_glance(head[:-5], len(content), EXPLICIT, CT_IMAGE, INSTANCE)
    assert not is_sound_at_a_glance(head, len(content), EXPLICIT, MR_IMAGE, INSTANCE)
    assert not is_sound_at_a_glance(head, len(content), EXPLICIT, CT_IMAGE, "1.2.3")


def test_of_pydicoms_files_a_glance_says_nothing_good_of_those_that_the_whole_look_refuses() -> None:
    enough = set()
    for sent in bundled_instances().values():
        with sent.open() as pieces:
            content = b"".join(pieces)
        told = (sent.transfer_syntax_uid, sent.sop_class_uid, sent.sop_instance_uid)
        if is_sound_at_a_glance(content[:16384], len(content), *told):
            enough.add(sent.transfer_syntax_uid)
            assert fault_in(content, 0, *told) is None
    assert {EXPLICIT, IMPLICIT, BIG} <= enough


@given(some.data())
@settings(max_examples=200, deadline=None)
def test_a_glance_never_sees_less_than_the_whole_look(data: some.DataObject) -> None:
    content = mutated(ct_image(), data.draw(some.integers(0, 1 << 30)))
    head = content[: data.draw(some.integers(0, len(content)))]
    if is_sound_at_a_glance(head, len(content), EXPLICIT, CT_IMAGE, INSTANCE):
        assert judged(content) is None


def test_a_private_transfer_syntax_is_not_judged() -> None:
    assert judged(NOISE, "1.2.826.0.1.3680043.10.1.1") is None


def test_hanging_protocols_and_palettes_need_no_study() -> None:
    protocol = "1.2.840.10008.5.1.4.38.1"
    assert judged(ct_image(SOPClassUID=protocol, StudyInstanceUID=None), sop_class=protocol) is None


@pytest.mark.parametrize("late", [b"\x20\0\x0d\0UI", b"\x08\0\x18\0UI"], ids=["study", "instance"])
def test_a_uid_that_stands_behind_larger_tags_is_found_there(late: bytes) -> None:
    head, pixels = ct_image()[: -(12 + 64)], ct_image()[-(12 + 64) :]
    at = head.index(late)
    moved = head[at : at + 8 + head[at + 6]]
    assert judged(head.replace(moved, b"") + moved + pixels) is None


def test_a_uid_of_another_class_is_seen_behind_larger_tags_too() -> None:
    head, pixels = ct_image(SOPClassUID=None)[: -(12 + 64)], ct_image()[-(12 + 64) :]
    fault = judged(head + element(0x00080016, b"UI", MR_IMAGE.encode() + b"\0") + pixels)
    assert fault is not None and "(0008,0016) is not" in fault[1]


def test_of_pydicoms_files_those_are_refused_that_lack_a_uid_or_carry_another_one() -> None:
    refused = {}
    for name, sent in bundled_instances().items():
        with sent.open() as pieces:
            content = b"".join(pieces)
        fault = fault_in(content, 0, sent.transfer_syntax_uid, sent.sop_class_uid, sent.sop_instance_uid)
        if fault is not None:
            refused[name] = fault[1]
    assert set(refused) == {
        *("JPEGLSNearLossless_08.dcm", "JPEGLSNearLossless_16.dcm", "SC_rgb_jls_lossy_line.dcm"),
        *("SC_rgb_jls_lossy_sample.dcm", "UN_sequence.dcm", "no_meta_group_length.dcm", "priv_SQ.dcm"),
        *(
            "badVR.dcm",
            "rtdose_1frame.dcm",
            "rtdose_expb_1frame.dcm",
            "rtdose.dcm",
            "rtdose_expb.dcm",
            "rtplan.dcm",
            "rtplan_truncated.dcm",
            "MR_truncated.dcm",
        ),
    }, refused


@pytest.mark.fault(43, "mutants without a network, by hypothesis")
@settings(max_examples=300, deadline=None, derandomize=True)
@given(some.binary(max_size=400), some.integers(0, 10**9), some.sampled_from([EXPLICIT, IMPLICIT, DEFLATED, JPEG, BIG]))
def test_whatever_the_bytes_there_is_a_verdict_and_no_error(noise: bytes, seed: int, syntax: str) -> None:
    for content in (noise, mutated(ct_image(), seed), mutated(WITHOUT_PIXELS + nested(3), seed)):
        fault = judged(content, syntax)
        assert fault is None or (fault[0] in (0xA900, 0xC000) and fault[1].isprintable())
