"""What somebody most likely meant: case counts least, and what is like nothing is answered with nothing."""

import pytest

from scripts_app.core.nearest import SURELY, did_you_mean, nearest


@pytest.mark.parametrize(
    ("wrong", "known", "meant"),
    [
        ("modality", ["Modality", "Laterality"], "Modality"),
        ("PATIENTNAME", ["PatientID", "PatientName"], "PatientName"),
        (" pacs ", ["PACS", "PACS2"], "PACS"),
        ("ARCHIV", ["AI", "ARCHIVE"], "ARCHIVE"),
        ("A1", ["AI", "PACS"], "AI"),
        ("zzzz", ["AI", "PACS"], ""),
        ("", ["AI"], ""),
        ("AI", [], ""),
    ],
)
def test_the_nearest_word_is_found_whatever_its_case(wrong: str, known: list[str], meant: str) -> None:
    assert nearest(wrong, known) == meant


def test_among_many_words_a_little_likeness_is_not_enough() -> None:
    assert nearest("A1", ["AI"], SURELY) == ""


def test_as_a_clause_it_ends_a_sentence() -> None:
    assert did_you_mean("aetitle", ["AeTitle"]) == "; did you mean 'AeTitle'?"
    assert did_you_mean("zzzz", ["AeTitle"]) == ""


def test_a_word_with_too_much_around_it_is_still_found_up_to_the_very_length_that_difflib_allows() -> None:
    assert nearest("modalityxxxxxxxxxxxxxxxx", ["Modality"]) == "Modality"
    assert nearest("modalityxxxxxxxxxxxxxxxxx", ["Modality"]) == ""


def test_a_text_that_is_too_long_to_be_like_any_word_is_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts_app.core.nearest.get_close_matches", lambda *_words, **_how: 1 / 0)
    assert nearest("x" * 1_000_000, ["Modality", "PatientName"]) == ""
