"""Conditions against data sets: which one fails, and on what value."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts_app.core.conditions.check import check_condition
from scripts_app.core.conditions.condition import Condition
from scripts_app.core.conditions.errors import WrongCondition
from scripts_app.core.conditions.match import first_failure
from scripts_app.core.conditions.tag import read_tag
from scripts_app.core.dataset import edits, table, view
from scripts_app.core.dataset.overlay import Dataset
from tests.scripts_app.core.dataset.builders import document, element, item, sequence

PRIVATE = (
    element(0x00290010, "LO", "OTHER"),
    element(0x00290011, "LO", "ACME 1.0 "),
    element(0x00291002, "LO", "wrong block"),
    element(0x00291102, "LO", "LUNG"),
)


def failure(folder: Path, *conditions: Condition, also: tuple[bytes, ...] = ()) -> str | None:
    elements = [
        element(0x00080008, "CS", "ORIGINAL\\PRIMARY"),
        element(0x00080060, "CS", "CT"),
        element(0x00100010, "PN", "Doe^Jane"),
        element(0x00100020, "LO", ""),
        element(0x00104000, "LT", "odd   "),
        *also,
        sequence(
            0x00400275,
            [
                item(element(0x00321060, "LO", "CHEST") + element(0x00400007, "LO", "Step one")),
                item(
                    element(0x00321060, "LO", "HEAD")
                    + element(0x00400007, "LO", "Step two")
                    + sequence(0x00400008, [item(element(0x00080100, "SH", "C2"))])
                ),
            ],
        ),
    ]
    with document(folder, *elements) as opened:
        return first_failure(conditions, opened.root)


@pytest.mark.parametrize(
    ("tag", "path"),
    [
        ("0008,0060", "0008,0060"),
        ("8,60", "0008,0060"),
        ("10,4000", "0010,4000"),
        ("00080060", "0008,0060"),
        ("(0008,0060)", "0008,0060"),
        (" 0008,0060 ", "0008,0060"),
        ("Modality", "0008,0060"),
        ("2,10", "0002,0010"),
        ("7fe0,10", "7FE0,0010"),
        ("0029,1010", "0029,1010"),
    ],
)
def test_tags_are_read_in_all_their_forms(tag: str, path: str) -> None:
    assert read_tag(tag).path == path


@pytest.mark.parametrize(
    ("tag", "words"),
    [("Modalty", "did you mean Modality?"), ("patientname", "did you mean PatientName?"), ("", "Tag is missing"),
     ("8", "neither gggg,eeee nor a known keyword"), ("00080060,", "neither"), ("12345,60", "neither")],
)  # fmt: skip
def test_a_tag_that_cannot_be_read_names_the_nearest_keyword(tag: str, words: str) -> None:
    with pytest.raises(WrongCondition, match="Tag") as refused:
        read_tag(tag)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "condition",
    [
        Condition("0008,0060", "CT"),
        Condition("8,60", "C?"),
        Condition("Modality", "^CT$"),
        Condition("0008,0008", r"^ORIGINAL\\.*$"),
        Condition("PatientName", "Doe^Jane"),
        Condition("10,4000", "odd"),
        Condition("2,10", "1.2.840.10008.1.2.1"),
    ],
)
def test_a_condition_that_is_met_has_no_failure(condition: Condition, tmp_path: Path) -> None:
    assert failure(tmp_path, condition) is None


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (Condition("8,60", "MR"), "0008,0060 Modality is 'CT', wanted 'MR' (literal)"),
        (Condition("PatientName", "doe^jane"), "0010,0010 PatientName is 'Doe^Jane', wanted 'doe^jane' (literal)"),
        (Condition("PatientID", "^$"), "0010,0020 PatientID is empty, wanted '^$' (regex)"),
        (Condition("PatientID", "^(?!X).*$"), "0010,0020 PatientID is empty, wanted '^(?!X).*$' (regex)"),
        (Condition("StudyID", "^(?!X).*$"), "0020,0010 StudyID is absent, wanted '^(?!X).*$' (regex)"),
        (Condition("0029,1010", "*"), "0029,1010 is absent, wanted '*' (wildcard)"),
        (
            Condition("8,8", r"^ORIGINAL\\S"),
            r"0008,0008 ImageType is 'ORIGINAL\PRIMARY', wanted '^ORIGINAL\\S' (regex)",
        ),
        (Condition("8,8", "X", search=True), r"0008,0008 ImageType is 'ORIGINAL\PRIMARY', wanted 'X' (literal)"),
    ],
)
def test_the_failure_names_tag_actual_value_and_pattern(condition: Condition, reason: str, tmp_path: Path) -> None:
    assert failure(tmp_path, condition) == reason


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (r"A\nB", r"'A\nB'"),
        ("A\nB", "'A<U+000A>B'"),
        ("D'OR", '"D\'OR"'),
        ("""D'OR "X" """, """'D'OR "X"'"""),
        ("\u202etxt", "'<U+202E>txt'"),
    ],
)
def test_a_value_stands_in_the_reason_as_it_is_and_what_cannot_be_seen_by_its_number(
    value: str, shown: str, tmp_path: Path
) -> None:
    utf8 = element(0x00080005, "CS", "ISO_IR 192")
    with document(tmp_path, utf8, element(0x00204000, "LT", value.encode())) as opened:
        reason = first_failure((Condition("ImageComments", "x"),), opened.root)
    assert reason == f"0020,4000 ImageComments is {shown}, wanted 'x' (literal)"


def test_all_conditions_must_hold_and_the_first_that_does_not_is_named(tmp_path: Path) -> None:
    conditions = (Condition("Modality", "CT"), Condition("PatientName", "X"), Condition("StudyID", "Y"))
    assert "PatientName" in str(failure(tmp_path, *conditions))
    assert failure(tmp_path) is None


def test_a_long_value_is_shown_in_part(tmp_path: Path) -> None:
    reason = failure(tmp_path, Condition("ImageComments", "x"), also=(element(0x00204000, "LT", "y" * 500),))
    assert reason is not None
    assert len(reason) < 200


def test_one_item_must_meet_all_sequence_items(tmp_path: Path) -> None:
    head, one, two = Condition("0032,1060", "HEAD"), Condition("0040,0007", "*one"), Condition("0040,0007", "*two")
    assert failure(tmp_path, Condition("0040,0275", sequence_items=(head, two))) is None
    assert failure(tmp_path, Condition("0040,0275", sequence_items=(head, one))) == (
        "0040,0275 RequestAttributesSequence: no item matches SequenceItems; "
        "in item 1, 0032,1060 RequestedProcedureDescription is 'CHEST', wanted 'HEAD' (literal)"
    )
    assert "has no items" in str(failure(tmp_path, Condition("0008,1110", sequence_items=(head,))))


def test_sequence_items_can_be_nested(tmp_path: Path) -> None:
    inner = Condition("0040,0008", sequence_items=(Condition("CodeValue", "C2"),))
    assert failure(tmp_path, Condition("0040,0275", sequence_items=(inner,))) is None


def test_search_looks_in_all_sequences(tmp_path: Path) -> None:
    assert failure(tmp_path, Condition("CodeValue", "C2", search=True)) is None
    assert failure(tmp_path, Condition("Modality", "CT", search=True)) is None
    assert failure(tmp_path, Condition("0032,1060", "KNEE", search=True)) == (
        "0032,1060 RequestedProcedureDescription is 'CHEST', 'HEAD', wanted 'KNEE' (literal)"
    )
    assert "is absent everywhere" in str(failure(tmp_path, Condition("StudyID", "1", search=True)))
    assert "is absent" in str(failure(tmp_path, Condition("CodeValue", "C2")))


def test_search_reads_its_own_tag_only_up_to_the_first_match(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    real = edits.text_at

    def told(dataset: Dataset, tag: int) -> str | None:
        read.append(tag)
        return real(dataset, tag)

    monkeypatch.setattr(view, "text_at", told)
    monkeypatch.setattr(table, "text_at", told)
    assert failure(tmp_path, Condition("0032,1060", "KNEE", search=True)) is not None
    assert read == [0x00321060] * len(read)
    read.clear()
    assert failure(tmp_path, Condition("0032,1060", "CHEST", search=True)) is None
    assert len(read) == 2, "the data set itself, and the first item"


def test_a_creator_that_has_reserved_several_blocks_is_looked_for_in_all(tmp_path: Path) -> None:
    more = (element(0x00290012, "LO", "ACME 1.0"), element(0x00291203, "LO", "RIGHT"))
    for number, value in (("02", "LUNG"), ("03", "RIGHT")):
        condition = Condition(f"0029,10{number}", value, private_tag_creator="ACME 1.0")
        assert failure(tmp_path, condition, also=(*PRIVATE[:2], more[0], *PRIVATE[2:], more[1])) is None


@pytest.mark.parametrize("block", [0x10, 0xFF])
def test_a_creator_may_have_the_first_block_as_most_have_and_the_last(tmp_path: Path, block: int) -> None:
    also = (
        element(0x00290000 | block, "LO", "ACME 1.0"),
        element(0x00290002 | block << 8, "LO", "LUNG"),
    )
    condition = Condition("0029,1002", "LUNG", private_tag_creator="ACME 1.0")
    assert failure(tmp_path, condition, also=also) is None


def test_a_private_creator_finds_the_block_it_has_reserved(tmp_path: Path) -> None:
    for tag in ("0029,1002", "0029,0002", "29,2"):
        condition = Condition(tag, "LUNG", private_tag_creator="ACME 1.0")
        assert failure(tmp_path, condition, also=PRIVATE) is None
    unknown = Condition("0029,1002", "LUNG", private_tag_creator="NOBODY")
    assert failure(tmp_path, unknown, also=PRIVATE) == "0029,1002 is absent, wanted 'LUNG' (literal)"
    assert "wrong block" in str(failure(tmp_path, Condition("0029,1002", "LUNG"), also=PRIVATE))


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Condition("Modalty", "CT"), ["Modality"]),
        (Condition("Modality"), ["0008,0060 Modality", "MatchExpression is missing"]),
        (Condition("Modality", "(("), ["0008,0060 Modality", "(("]),
        (Condition("0040,0275", search=True, sequence_items=(Condition("Modality", "CT"),)), ["exclude each other"]),
        (Condition("0040,0275", "x", sequence_items=(Condition("Modality", "CT"),)), ["exclude each other"]),
        (Condition("0040,0275", sequence_items=(Condition("Modalty", "(("),)), ["SequenceItems", "Modality", "(("]),
        (Condition("Modality", "CT", private_tag_creator="ACME"), ["PrivateTagCreator needs an odd group"]),
    ],
)
def test_mistakes_are_found_before_the_condition_is_used(condition: Condition, words: list[str]) -> None:
    problems = " | ".join(check_condition(condition))
    assert all(word in problems for word in words), problems


def test_a_sound_condition_has_no_problems() -> None:
    inner = Condition("0029,1002", "x", private_tag_creator="ACME")
    assert check_condition(Condition("0040,0275", sequence_items=(inner, Condition("Modality", "(?i)ct")))) == []
