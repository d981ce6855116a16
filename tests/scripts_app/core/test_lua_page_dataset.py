"""The Lua filter page, dataset: read and write DICOM tags with audit logging."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts_app.core.dataset.document import Document
from scripts_app.core.outcome import Change
from scripts_app.core.pipeline import Limits, run_entries
from tests.scripts_app.core.builders import CT, PlainFacts, entries, image, only_report, printed, run
from tests.scripts_app.core.dataset.builders import element, item, part10, sequence


def sent(script: str, path: str) -> str | None:
    """A value of the image after the script has run, read without Lua."""
    with image() as received:
        outcome = run_entries(entries(script), received, PlainFacts(), Limits())
        assert [report.reason for report in outcome.entries] == [""]
        value: str | None = received.document.root.get(path)
        return value


@pytest.mark.parametrize("tag", ["PatientName", "0010,0010", "00100010"])
def test_tags_can_be_referenced_by_keyword_or_hex_notation(tag: str) -> None:
    assert printed(f"print(dataset:Get('{tag}'))") == ["CompressedSamples^CT1"]


def test_get_returns_the_value_as_a_string_or_nil_if_absent() -> None:
    script = """
        print(type(dataset:Get('Rows')), dataset:Get('Rows'))
        print(dataset:Get('ImageType'))
        print(dataset:Get('RetrieveAETitle'), dataset:Get('0029,1010'))
    """
    assert printed(script) == ["string\t128", "ORIGINAL\\PRIMARY\\AXIAL", "nil\tnil"]


def test_set_sets_a_tag_to_a_new_value() -> None:
    assert sent("dataset:Set('PatientName', 'ANONYMOUS')", "PatientName") == "ANONYMOUS"


def test_set_creates_the_tag_if_it_does_not_exist() -> None:
    assert sent("dataset:Set('0008,0081', 'Street 1')", "InstitutionAddress") == "Street 1"


def test_set_takes_numbers_booleans_and_lists() -> None:
    assert sent("dataset:Set('Rows', 64)", "Rows") == "64"
    assert sent("dataset:Set('SliceThickness', 2.5)", "SliceThickness") == "2.5"
    assert sent("dataset:Set('ImageType', {'DERIVED', 'SECONDARY'})", "ImageType") == "DERIVED\\SECONDARY"


def test_remove_removes_a_tag() -> None:
    assert sent("dataset:Remove('PatientBirthDate')", "PatientBirthDate") is None


def test_remove_is_a_silent_no_op_if_the_tag_does_not_exist() -> None:
    outcome = run("dataset:Remove('RetrieveAETitle')")
    assert (outcome.entries[0].reason, outcome.changes) == ("", ())


def test_every_set_and_remove_is_recorded_with_old_and_new_value_entry_and_line() -> None:
    script = "\ndataset:Set('PatientID', 'NEW')\ndataset:Remove('PatientSex')"
    assert run(script).changes == (
        Change("Set", "0010,0020", "PatientID", "1CT1", "NEW", 1, 2),
        Change("Remove", "0010,0040", "PatientSex", "O", None, 1, 3),
    )


def test_changes_made_by_a_library_are_recorded_at_the_entrys_line() -> None:
    libraries = {"libs/phi.lua": "function strip(ds)\n\n\n\nds:Set('PatientName', 'X')\nend"}
    outcome = run("include('libs/phi.lua')\n\nstrip(dataset)", libraries=libraries)
    assert [(change.entry, change.line) for change in outcome.changes] == [(1, 3)]


# The newer page: paths, items and tables.

SEQUENCE = """
    local function show(path) print(dataset:Get(path)) end
    dataset:Set('ReferencedStudySequence[1].ReferencedSOPInstanceUID', '1.2.1')
    dataset:Append('ReferencedStudySequence', {ReferencedSOPInstanceUID = '1.2.2'})
"""


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("print(dataset:Count('ReferencedStudySequence'))", "2"),
        ("print(dataset:Get('ReferencedStudySequence[2].ReferencedSOPInstanceUID'))", "1.2.2"),
        ("print(dataset:Exists('ReferencedStudySequence[3]'), dataset:Exists('PatientID'))", "false\ttrue"),
        ("print(dataset:Exists('ReferencedStudySequence[1].ReferencedSOPInstanceUID'))", "true"),
        ("print(dataset:Exists('ReferencedStudySequence[1].PatientID'))", "false"),
        ("print(dataset:Exists('ReferencedStudySequence[7].ReferencedSOPInstanceUID'))", "false"),
        ("print(dataset:Count('ReferencedStudySequence[7].ReferencedSeriesSequence'))", "0"),
        ("print(dataset:Select('ReferencedStudySequence[1]'):Get('0008,1155'))", "1.2.1"),
        ("print(dataset:Select('ReferencedStudySequence[7]'))", "nil"),
        ("print(dataset:Items('ReferencedStudySequence'):get(2):Get('0008,1155'))", "1.2.2"),
        ("for _, item in ipairs(dataset:Items('0008,1110')) do print(item:Get('0008,1155')) end", "1.2.1\n1.2.2"),
        ("print(dataset:ToTable('ReferencedStudySequence')[2].ReferencedSOPInstanceUID)", "1.2.2"),
        ("print(dataset:ToTable().PatientID, dataset:ToTable('PatientID'))", "1CT1\t1CT1"),
        ("dataset:Items('0008,1110')[1]:Delete() print(dataset:Get('0008,1110[1].0008,1155'))", "1.2.2"),
        ("dataset:Remove('0008,1110[1]') print(dataset:Count('0008,1110'))", "1"),
        ("dataset:Set(\"0008,1110[0008,1155='1.2.2'].0008,1150\", '1.9') show('0008,1110[2].0008,1150')", "1.9"),
        ("dataset:PopulateAt('0008,1110[1]', {['0008,1150'] = '1.8'}) show('0008,1110[1].0008,1150')", "1.8"),
        ("print(dataset:Append('0008,1110'):Get('0008,1155'), dataset:Count('0008,1110'))", "nil\t3"),
        ("dataset:Select('0008,1110[1]'):Set('0008,1155', '1.7') print(dataset:Get('0008,1110[1].0008,1155'))", "1.7"),
    ],
)  # fmt: skip
def test_items_of_sequences_can_be_read_and_edited(script: str, line: str) -> None:
    assert printed(SEQUENCE + script) == line.split("\n")


def test_populate_sets_all_tags_of_a_table_and_lists_of_tables_become_sequences() -> None:
    script = """
        dataset:Populate({
            PatientName = 'X',
            ReferencedStudySequence = {{ReferencedSOPInstanceUID = '1.1'}, {ReferencedSOPInstanceUID = '1.2'}},
        })
        print(dataset:Get('PatientName'), dataset:Get('ReferencedStudySequence[2].ReferencedSOPInstanceUID'))
    """
    assert printed(script) == ["X\t1.2"]
    assert {change.operation for change in run(script).changes} == {"Populate"}


def test_a_table_read_from_one_item_can_be_written_to_another() -> None:
    script = (
        SEQUENCE
        + """
        dataset:PopulateAt('ReferencedStudySequence[3]', dataset:Select('ReferencedStudySequence[1]'):ToTable())
        print(dataset:Get('ReferencedStudySequence[3].ReferencedSOPInstanceUID'))
    """
    )
    assert printed(script) == ["1.2.1"]


@pytest.mark.parametrize(
    ("operation", "script"),
    [
        ("Append", "dataset:Append('ReferencedStudySequence', {ReferencedSOPInstanceUID = '1'})"),
        ("PopulateAt", "dataset:PopulateAt('ReferencedStudySequence[1]', {ReferencedSOPInstanceUID = '1'})"),
        ("Delete", SEQUENCE + "dataset:Select('ReferencedStudySequence[1]'):Delete()"),
    ],
)
def test_each_way_to_edit_is_recorded_by_its_name(operation: str, script: str) -> None:
    assert operation in {change.operation for change in run(script).changes}


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("dataset:Get('PatientNam')", ["PatientNam", "PatientName"]),
        ("dataset:Set('PatientName')", ["Set: the value of PatientName is nil", "Remove removes a tag"]),
        ("dataset:Set('PatientName', print)", ["a value must be", "not function"]),
        ("dataset:Set('PatientName', '\\xe9')", ["not UTF-8", "0xE9"]),
        ("dataset:Set('SliceThickness', 0/0)", ["not a number that DICOM knows"]),
        ("dataset:Set('SliceThickness', math.huge)", ["not a number that DICOM knows"]),
        ("dataset:Set('StudyDate', '2026-13')", ["2026-13", "DA"]),
        ("dataset:Set(nil, 'x')", ["the tag must be a string, not nil"]),
        ("dataset:Get({})", ["the tag must be a string, not table"]),
        ("dataset:Populate('x')", ["values must be a table, not string"]),
        ("dataset:Populate({'x'})", ["the keys of values must be tags"]),
        ("dataset:Populate({ImageType = {[1] = 'a', [3] = 'c'}})", ["1 to n without gaps"]),
        ("local t = {} t.PatientName = t dataset:Populate(t)", ["must not contain itself"]),
        ("dataset.Get('PatientName')", ["dataset.Get needs a colon: dataset:Get(...)"]),
        ("dataset:get('PatientName')", ["dataset has no 'get'", "did you mean 'Get'?"]),
        ("dataset.Get = print", ["dataset is read-only: Get cannot be assigned"]),
        (SEQUENCE + "dataset:Select('ReferencedStudySequence[ReferencedSOPClassUID=\"9\"].X')", ["X"]),
        ("dataset:Get('RequestedProcedureCodeSequence[0].CodeValue')", ["[0]", "[1]"]),
    ],
)
def test_mistakes_are_named_in_the_script_error(script: str, words: list[str]) -> None:
    report = only_report(script)
    assert report.status == "error"
    assert all(word in report.reason for word in words), report.reason
    assert report.line is not None


def test_pcall_catches_a_refused_call_as_a_string_with_its_position() -> None:
    script = (
        "local ok, problem = pcall(function()\n  dataset:Set('StudyDate', 'never')\nend)\nprint(type(problem), problem)"
    )
    (line,) = printed(script)
    assert line.startswith("string\tentry 1:2: ")


def test_values_that_are_not_ascii_go_both_ways() -> None:
    script = "dataset:Set('PatientName', 'Müller^Jörg') print(dataset:Get('PatientName'), #dataset:Get('PatientName'))"
    assert printed(script) == ["Müller^Jörg\t13"]


def test_the_received_file_stays_as_it_was() -> None:
    before = CT.read_bytes()
    run("dataset:Set('PatientName', 'X') dataset:Remove('PatientID')")
    assert CT.read_bytes() == before


def test_a_dataset_lists_its_methods_and_prints_its_name() -> None:
    assert printed("print(dataset, pairs(dataset)(nil), getmetatable(dataset))")[0].startswith("dataset\tGet\t")


def test_the_document_is_edited_and_its_recipe_leaves_the_rest_alone() -> None:
    with Document.open(CT) as document:
        before = document.identity()
    (output,) = run("dataset:Set('SOPInstanceUID', '1.2.3')").outputs
    assert output.identity.sop_instance_uid == "1.2.3"
    assert output.identity.patient_name == before.patient_name
    assert output.recipe is not None


def test_what_comes_with_an_edit_is_recorded_too() -> None:
    outcome = run("dataset:Set(\"0008,1110[0008,1150='1.2'].0008,1155\", '1.3')")
    assert {(change.keyword, change.new) for change in outcome.changes} == {
        ("ReferencedSOPClassUID", "1.2"),
        ("ReferencedSOPInstanceUID", "1.3"),
    }


def test_a_character_set_that_a_selectors_value_raises_is_recorded() -> None:
    outcome = run("dataset:Set(\"0008,1032[CodeMeaning='山'].CodeValue\", 'X')")
    assert [(change.keyword, change.old, change.new) for change in outcome.changes] == [
        ("CodeValue", None, "X"),
        ("CodeMeaning", None, "山"),
        ("SpecificCharacterSet", "ISO_IR 100", "ISO_IR 192"),
    ]


def test_a_value_longer_than_its_vr_allows_is_set_with_a_warning_in_the_item_log() -> None:
    (line,) = run("\ndataset:Set('AccessionNumber', ('x'):rep(30))").item_log
    assert (line.level, line.line) == ("warning", 2)
    assert line.message.startswith("0008,0050 AccessionNumber: ")


def test_get_answers_binary_values_as_strings_so_that_every_tag_can_be_looked_for() -> None:
    script = """
        for _, tag in ipairs {'PatientID', 'PixelData'} do
            if dataset:Get(tag) == nil then error('fail: missing ' .. tag) end
        end
        print(#dataset:Get('PixelData'), type(dataset:Get('PixelData')))
    """
    (line,) = printed(script)
    length, kind = line.split("\t")
    assert int(length) > 0
    assert kind == "string"


def test_a_table_that_was_read_changes_nothing_also_where_an_item_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "received.dcm"
    icon = element(0x7FE00010, "OB", b"\1\2")
    path.write_bytes(part10(sequence(0x00880200, [item(b""), item(icon)]), element(0x00100010, "PN", "Doe")))
    with image(path) as received:
        outcome = run_entries(entries("dataset:Populate(dataset:ToTable())"), received, PlainFacts(), Limits())
        assert [report.reason for report in outcome.entries] == [""]
        assert received.document.recipe() is None


def test_a_binary_value_may_be_set_as_it_was_read_and_to_nothing_else() -> None:
    script = """
        dataset:Set('PixelData', dataset:Get('PixelData'))
        print(select(2, pcall(dataset.Set, dataset, 'PixelData', dataset:Get('PixelData') .. '\\xff')))
    """
    with image() as received:
        outcome = run_entries(entries(script), received, PlainFacts(), Limits())
        assert [report.reason for report in outcome.entries] == [""]
        assert received.document.recipe() is None
    assert [(change.keyword, change.new) for change in outcome.changes] == [("PixelData", "<32768 bytes>")]
    assert outcome.item_log[0].message == (
        "7FE0,0010 PixelData is binary: a script can remove it, or set it to the bytes that it read"
    )
