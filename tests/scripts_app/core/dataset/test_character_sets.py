import pytest

from scripts_app.core.dataset.character_sets import encoded
from scripts_app.core.dataset.document import DatasetError
from tests.scripts_app.core.dataset.builders import IMPLICIT, SYNTAXES, document, edited_bytes, element, item, sequence

NAMES = [
    ("ISO_IR 100", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
    ("ISO_IR 192", "Wang^小东".encode(), "Wang^小东"),
    ("GB18030", "Wang^小东".encode("gb18030"), "Wang^小东"),
    ("ISO_IR 13", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    ("ISO_IR 144", "Дюйм".encode("iso8859_5"), "Дюйм"),
    ("ISO_IR 126", "Διονυσιος".encode("iso8859_7"), "Διονυσιος"),
    # PS3.5 H.3.1 and I.2
    (
        "\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
        "Yamada^Tarou=山田^太郎",
    ),
    ("\\ISO 2022 IR 149", b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7", "Hong^Gildong=洪^吉洞"),
    ("ISO_IR 6\\ISO 2022 IR 100", b"\x1b-AJ\xe9r\xf4me", "Jérôme"),
    # PS3.5 K.2
    ("\\ISO 2022 IR 58", b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab", "Zhang^XiaoDong=张^小东"),
    # Misspelt as many devices do it.
    ("ISO IR 100", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
    # Against the standard, but what Latin-1 devices without the attribute send.
    (None, b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
]


def charset(value):
    return [] if value is None else [element(0x00080005, "CS", value)]


@pytest.mark.parametrize("sets, value, text", NAMES)
def test_names_are_read_in_their_character_set(tmp_path, sets, value, text):
    assert document(tmp_path, *charset(sets), element(0x00100010, "PN", value)).root.get("PatientName") == text


@pytest.mark.parametrize("sets, value, text", [each for each in NAMES if each[0] not in (None, "ISO IR 100")])
def test_names_are_written_as_the_standard_writes_them(tmp_path, sets, value, text):
    doc = document(tmp_path, *charset(sets), element(0x00100010, "PN", "Doe"))
    record = doc.root.set("PatientName", text)
    assert doc.root.get("PatientName") == text
    assert doc.root.get("SpecificCharacterSet") == sets, "no other set is needed"
    assert element(0x00100010, "PN", value) in edited_bytes(doc)
    assert record.also == ()


def test_undecodable_bytes_are_shown_with_marks_and_stay_as_they_are(tmp_path):
    bad = element(0x00100010, "PN", b"Doe^\xff\xfeJane")
    doc = document(tmp_path, *charset("ISO_IR 192"), bad, element(0x00100020, "LO", "P1"))
    assert doc.root.get("PatientName") == "Doe^��Jane"
    doc.root.set("PatientID", "P2")
    assert bad in edited_bytes(doc)


@pytest.mark.parametrize("path", ["PatientName", "PatientComments"])
def test_what_could_not_be_read_is_never_written_as_marks(tmp_path, path):
    bad = element(0x00100010, "PN", b"M\xfcller^Jane")
    doc = document(tmp_path, *charset("ISO_IR 192"), bad)
    with pytest.raises(DatasetError, match=r"does not explain.*SpecificCharacterSet"):
        doc.root.set(path, doc.root.get("PatientName").replace("Jane", "Joan"))
    assert doc.recipe() is None
    doc.root.remove("SpecificCharacterSet")
    doc.root.set("SpecificCharacterSet", "ISO_IR 100")
    doc.root.set(path, doc.root.get("PatientName").replace("Jane", "Joan"))
    assert doc.root.get(path) == "Müller^Joan"


def test_a_replacement_mark_that_stands_in_the_file_is_text_like_any_other(tmp_path):
    doc = document(tmp_path, *charset("ISO_IR 192"), element(0x00100010, "PN", "M\ufffdller^Jane".encode()))
    doc.root.set("PatientName", "M\ufffdller^Joan")
    assert element(0x00100010, "PN", "M\ufffdller^Joan".encode()) in edited_bytes(doc)


def test_an_item_may_have_a_character_set_of_its_own(tmp_path):
    def referring(name, *sets):
        return item(b"".join([*sets, element(0x00080090, "PN", name)]))

    doc = document(
        tmp_path,
        *charset("ISO_IR 192"),
        sequence(0x00400275, [referring("小".encode()), referring(b"J\xe9r", *charset("ISO_IR 100"))]),
    )
    assert doc.root.get("0040,0275[1].0008,0090") == "小"
    assert doc.root.get("0040,0275[2].0008,0090") == "Jér"


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_value_the_set_cannot_hold_raises_it_to_unicode_everywhere(tmp_path, syntax):
    def each(tag, vr, value):
        return element(tag, vr, value, syntax)

    own = each(0x00080005, "CS", "ISO_IR 144") + each(0x00400007, "LO", b"\xbb\xee")
    doc = document(
        tmp_path,
        each(0x00080005, "CS", "ISO_IR 100"),
        each(0x00080060, "CS", "CT"),
        each(0x00081030, "LO", b"Sch\xe4del"),
        each(0x00100010, "PN", "Doe"),
        sequence(0x00400275, [item(each(0x00400007, "LO", b"Sch\xe4del"), syntax), item(own, syntax)], syntax),
        each(0x00400280, "ST", b"\xe4"),
        syntax=syntax,
    )
    record = doc.root.set("PatientName", "山田")
    assert [(also.path, also.old, also.new) for also in record.also] == [("0008,0005", "ISO_IR 100", "ISO_IR 192")]
    root = doc.root
    assert root.get("SpecificCharacterSet") == "ISO_IR 192"
    assert root.get("PatientName") == "山田"
    assert root.get("StudyDescription") == root.get("0040,0275[1].0040,0007") == "Schädel"
    assert root.get("0040,0275[2].0040,0007") == "Лю", "an item with a set of its own is left alone"
    assert "Schädel".encode() in edited_bytes(doc)
    assert own in edited_bytes(doc)


def test_in_an_item_with_a_set_of_its_own_that_one_is_raised_and_not_the_one_around(tmp_path):
    around, own = element(0x00081030, "LO", b"Sch\xe4del"), element(0x00400007, "LO", b"\xbb\xee")
    within = item(b"".join([*charset("ISO_IR 144"), own]))
    doc = document(tmp_path, *charset("ISO_IR 100"), around, sequence(0x00400275, [within]))
    doc.root.set("0040,0275[1].0008,0090", "山田")
    found = [doc.root.get(f"0040,0275[1].{tag}") for tag in ("0008,0005", "0008,0090", "0040,0007")]
    assert found == ["ISO_IR 192", "山田", "Лю"]
    assert doc.root.get("SpecificCharacterSet") == "ISO_IR 100"
    assert around in edited_bytes(doc)


def test_setting_the_character_set_writes_all_text_anew(tmp_path):
    doc = document(tmp_path, *charset("ISO_IR 100"), element(0x00100010, "PN", b"J\xe9r\xf4me"))
    doc.root.set("SpecificCharacterSet", "ISO_IR 192")
    assert doc.root.get("PatientName") == "Jérôme"
    assert "Jérôme".encode() in edited_bytes(doc)


def test_a_character_set_that_cannot_hold_the_text_is_refused(tmp_path):
    doc = document(tmp_path, *charset("ISO_IR 192"), element(0x00100010, "PN", "山".encode()))
    with pytest.raises(DatasetError, match="0010,0010 PatientName cannot be carried over"):
        doc.root.set("0008,0005", "ISO_IR 100")
    assert doc.recipe() is None


def test_what_was_written_anew_with_the_character_set_is_told(tmp_path):
    doc = document(tmp_path, *charset("ISO_IR 100"), element(0x00100010, "PN", b"J\xe9r\xf4me"))
    record = doc.root.set("StudyDescription", "胸部")
    assert [each.note for each in record.also] == ["text written in it: 0010,0010 PatientName"]


GB_NAME, GB_STUDY = "王^小东".encode("gb18030"), "胸部 ct".encode("gb18030")


def undeclared(tmp_path, *, sets=""):
    return document(
        tmp_path,
        *(charset(sets) if sets else ()),
        element(0x00081030, "LO", GB_STUDY),
        element(0x00100010, "PN", GB_NAME),
    )


def test_text_of_which_nobody_knows_the_character_set_is_not_touched_for_the_sake_of_another(tmp_path):
    doc = undeclared(tmp_path)
    with pytest.raises(DatasetError, match=r"0008,1030 StudyDescription holds other characters than ASCII, and no"):
        doc.root.set("InstitutionName", "Zürich")
    assert doc.recipe() is None


def test_characters_that_no_set_explains_go_back_as_the_bytes_that_they_were(tmp_path):
    doc = undeclared(tmp_path)
    doc.root.set("StudyDescription", doc.root.get("StudyDescription").replace("ct", "CT"))
    assert GB_STUDY.replace(b"ct", b"CT") in edited_bytes(doc)
    assert GB_NAME in edited_bytes(doc)
    assert doc.root.get("SpecificCharacterSet") is None


def test_a_character_set_that_was_missing_is_declared_and_no_text_changes(tmp_path):
    doc = undeclared(tmp_path)
    record = doc.root.set("SpecificCharacterSet", "GB18030")
    assert doc.root.get("PatientName") == "王^小东"
    assert GB_NAME in edited_bytes(doc)
    assert GB_STUDY in edited_bytes(doc)
    assert record.note == ""


def test_a_wrong_character_set_is_put_right_by_removing_it_first(tmp_path):
    doc = undeclared(tmp_path, sets="ISO_IR 100")
    doc.root.remove("SpecificCharacterSet")
    assert GB_NAME in edited_bytes(doc)
    doc.root.set("SpecificCharacterSet", "GB18030")
    assert doc.root.get("PatientName") == "王^小东"
    assert GB_STUDY in edited_bytes(doc)


def test_a_set_that_does_not_explain_what_is_there_cannot_be_declared(tmp_path):
    doc = undeclared(tmp_path)
    with pytest.raises(DatasetError, match="they are none of 'ISO_IR 192'"):
        doc.root.set("SpecificCharacterSet", "ISO_IR 192")


@pytest.mark.parametrize("sets", ["", "ISO_IR 100"])
def test_unicode_under_another_name_is_not_written_twice(tmp_path, sets):
    name = "Zoë".encode()
    doc = document(tmp_path, *(charset(sets) if sets else ()), element(0x00100010, "PN", name))
    doc.root.set("SpecificCharacterSet", "ISO_IR 192")
    assert doc.root.get("PatientName") == "Zoë"
    doc.root.set("StudyDescription", "胸部")
    assert name in edited_bytes(doc)


@pytest.mark.parametrize(
    ("sets", "name"),
    [
        ("ISO_IR 101", "PÓŁTORAK^JAN".encode("iso8859_2")),
        ("ISO_IR 166", "แกน".encode("iso8859_11")),
        ("ISO_IR 144", "ЦЕТА".encode("iso8859_5")),
        ("GB18030", "毛^石".encode("gb18030")),
        ("\\ISO 2022 IR 13", b"\x1b)I\xd4\xcf\xc0\xde"),
    ],
)
def test_a_name_whose_bytes_are_unicode_by_chance_stays_the_same_name(tmp_path, sets, name):
    doc = document(tmp_path, *charset(sets), element(0x00100010, "PN", name))
    read = doc.root.get("PatientName")
    doc.root.set("SpecificCharacterSet", "ISO_IR 192")
    assert doc.root.get("PatientName") == read
    assert element(0x00100010, "PN", read.encode()) in edited_bytes(doc)


def test_the_character_set_of_an_item_goes_and_its_text_is_carried_over_to_the_one_around(tmp_path):
    own = element(0x00080005, "CS", "ISO_IR 144") + element(0x00400007, "LO", b"\xbb\xee")
    doc = document(tmp_path, *charset("ISO_IR 192"), sequence(0x00400275, [item(own)]))
    doc.root.remove("0040,0275[1].0008,0005")
    assert doc.root.get("0040,0275[1].0040,0007") == "Лю"
    assert "Лю".encode() in edited_bytes(doc)


@pytest.mark.parametrize("sets, told", [("ISO_IR 192", True), ("ISO 2022 IR 100", False)])
def test_text_of_unknown_vr_is_left_as_it_is_and_told(tmp_path, sets, told):
    """Private elements of creators that nobody knows, in implicit VR: text perhaps, and perhaps none."""
    creator, text = element(0x00110010, "LO", "ACME", IMPLICIT), element(0x00111001, "LO", b"priv\xe9s", IMPLICIT)
    binary = element(0x00111002, "UN", b"\xe9\0\1\2", IMPLICIT) + element(0x00111003, "UN", b"\xe9" * 70_000, IMPLICIT)
    declared = element(0x00080005, "CS", "ISO_IR 100", IMPLICIT)
    doc = document(tmp_path, declared, creator, text, binary, syntax=IMPLICIT)
    note = doc.root.set("SpecificCharacterSet", sets).note
    assert note == ("left as they were, for their VR is UN: 0011,1001" if told else "")
    assert creator + text + binary in edited_bytes(doc)


def test_an_unknown_character_set_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="'UTF-8' is not one of"):
        document(tmp_path).root.set("SpecificCharacterSet", "UTF-8")


def test_text_that_its_set_does_not_explain_is_not_guessed_at(tmp_path):
    doc = document(tmp_path, *charset("ISO_IR 192"), element(0x00081030, "LO", b"\xff"), element(0x00100010, "PN", "A"))
    with pytest.raises(DatasetError, match="0008,1030 StudyDescription"):
        doc.root.set("SpecificCharacterSet", "GB18030")


def test_what_is_no_unicode_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="no character of Unicode"):
        document(tmp_path).root.set("PatientName", "A\udcff")


@pytest.mark.parametrize("sets", ["ISO_IR 13", "\\ISO 2022 IR 87", "\\ISO 2022 IR 100", ""])
def test_never_a_question_mark_in_place_of_a_character(sets):
    with pytest.raises(UnicodeError):
        encoded("Łódź 😀", sets)


def test_kanji_are_not_in_the_single_byte_set_of_japan():
    with pytest.raises(UnicodeError):
        encoded("山", "ISO_IR 13")


@pytest.mark.parametrize(
    ("sets", "text"), [("ISO_IR 13", "5¥6"), ("ISO 2022 IR 13\\ISO 2022 IR 87", "‾"), ("\\ISO 2022 IR 159", "10 m²")]
)
def test_a_character_that_would_be_read_as_another_one_raises_the_set_to_unicode(tmp_path, sets, text):
    doc = document(tmp_path, *charset(sets))
    doc.root.set("StudyDescription", text)
    assert doc.root.get("StudyDescription") == text
    assert doc.root.get("SpecificCharacterSet") == "ISO_IR 192"


@pytest.mark.parametrize("sets", ["ISO\0IR 100", "\x01", "ISO_IR 192\\\0x", "no such set"])
def test_a_character_set_of_nonsense_reads_as_the_default(tmp_path, sets):
    doc = document(tmp_path, *charset(sets), element(0x00100010, "PN", b"J\xe9r"))
    assert doc.root.get("PatientName") in ("Jér", "J\ufffdr")
