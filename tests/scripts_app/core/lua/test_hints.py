"""Hints: what compiles and is probably wrong all the same."""

import pytest

from scripts_app.core.lua.hints import hints

KNOWN = ["AI", "PACS"]


def told(source, libraries=()):
    return [(problem.line, problem.message) for problem in hints(source, KNOWN, libraries)]


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        (
            "dataset:Get('PatientNam')",
            1,
            "'PatientNam' is neither a DICOM keyword nor gggg,eeee; did you mean PatientName?",
        ),
        ("\ndataset:Set('ProcedureCodeSequence[1].CodeValu', 1)", 2, "did you mean CodeValue?"),
        ("dataset:Get('8,60')", 1, "'8,60' is neither a DICOM keyword nor gggg,eeee"),
        ("route:Add('PACX')", 1, "no Storage node has the AE title 'PACX'; did you mean PACS?"),
        ("route:Ad('AI')", 1, "route has no Ad; did you mean Add?"),
        ("dataset.Get('Modality')", 1, "write dataset:Get(…) with a colon"),
        ("local a = 1\nprnt(a)", 2, "prnt is defined nowhere; did you mean print?"),
        ("datset:Get('Modality')", 1, "datset is defined nowhere; did you mean dataset?"),
        ("error('this must not fail')", 1, "the word fail anywhere in an error fails the image"),
        ("local x = modality", 1, "modality is defined nowhere"),
        ("assert(dataset:Get('Modality') == 'CT')", 1, "'assertion failed!', and the word fail fails the image"),
        ("local t = {1}\nassert(t[1])", 2, "assert without a message"),
        (
            "local n = study.queue:countByState('New')\nif n > 1 then error('retry: ' .. n) end",
            1,
            "a study's images would wait for each other for good",
        ),
        (
            "if queue:countByStudy(dataset:Get('StudyInstanceUID'), 'New') > 1 then error('Retry') end",
            1,
            "an image that is put off stays New and counts",
        ),
    ],
)
def test_a_suspicious_place_is_told_with_its_line(source, line, message):
    ((found_line, found),) = told(source)
    assert found_line == line
    assert message in found


@pytest.mark.parametrize(
    "source",
    [
        "local x, y = 1, 2 print(x, y)",
        "for i, item in ipairs(dataset:Items('ReferencedStudySequence')) do item:Remove('0008,1150') print(i) end",
        "function shout(word) print(word:upper()) end shout('a')",
        "local t = {a = 1, b = {c = 2}} print(t.a, t.b.c)",
        "route:Add('AI', function(ds) ds:Set('PatientName', 'X') end)",
        "study.seen = (study.seen or 0) + 1 print(study.seen)",
        "error('retry: later')",
        "print(study.queue:countByState('New'))",
        "if study.queue:countByState('Failed') > 0 then error('retry: wait') end",
        "if queue:countByDestination('AI', 'New') > 9 then error('retry: backlog') end",
        "if #study.queue:itemsByState('New') > 9 then error('retry: wait') end",
        "assert(dataset:Get('Modality') == 'CT', 'no CT')",
        "local f = assert(load('return 1')) print(f)",
        "local t = {} t.assert = 1 print(t.assert)",
        "log:error('did not fail')",
        "-- prnt('x') datset\nprint([[prnt datset]])",
        "print(dataset:Get('00100010'), dataset:Get('(0010,0010)'))",
        "goto done ::done::",
        "dataset:Get(\"RequestAttributesSequence[AccessionNumber='A.1'].AccessionNumber\")",
    ],
)
def test_good_scripts_are_left_alone(source):
    assert told(source) == []


def test_what_a_library_defines_is_known():
    assert told("include('libs/phi.lua') anonymise(dataset)", ["function anonymise(ds) end"]) == []


def test_no_text_breaks_it():
    for source in ("", "'", "[[", "--[[", "\x00", "a" * 5000, "(" * 2000, "'\\"):
        told(source)


@pytest.mark.fault(73, "concatenation in a shell command, seen by the editor")
@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("os.execute('logger ' .. dataset:Get('PatientName'))", 1),
        ("local name = dataset:Get('PatientName')\nio.popen('logger ' .. name .. ' >/dev/null')", 2),
        ("os.execute(string.format('logger %s', dataset:Get('PatientID')))", 1),
        ("local n = 'x'\nos.execute('logger ' .. sh_quote('a') .. n)", 2),
    ],
)
def test_a_value_that_is_put_together_with_a_shell_command_is_told(source, line):
    ((found_line, found),) = told(source)
    assert found_line == line
    assert "(sh_quote('program', value))" in found


@pytest.mark.parametrize(
    "source",
    [
        "os.execute('logger received')",
        "os.execute(sh_quote('logger', '--', dataset:Get('PatientName')))",
        "local name = dataset:Get('PatientName') or ''\nos.execute('logger ' .. sh_quote(name) .. ' >/dev/null')",
        "os.execute('logger a' .. ' ' .. 'b')",
        "print('logger ' .. dataset:Get('PatientName'))",
    ],
)
def test_a_quoted_value_is_no_suspicion(source):
    assert told(source) == []


@pytest.mark.parametrize("piece", ["[", "[=", "--[[", "'", "\\", "dataset:Get('"])
def test_a_text_full_of_beginnings_is_looked_through_once(piece):
    """What somebody pastes by mistake must not keep the web site busy for minutes."""
    assert len(hints(piece * 40_000, ["AI"])) < 100_000
