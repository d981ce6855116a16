"""The form of an entry: rows of conditions and back."""

import pytest
from django.http import QueryDict

from scripts_app.entry_form import EntryForm, conditions_of, posted_rows, rows_of


def condition(tag, *inside, match_expression=""):
    columns = {"match_expression": match_expression, "search": False, "private_tag_creator": ""}
    return {"tag": tag, **columns, "sequence_items": list(inside)}


def posted(*rows):
    data = QueryDict(mutable=True)
    for level, tag, expression in rows:
        data.appendlist("c_level", level)
        data.appendlist("c_tag", tag)
        data.appendlist("c_match_expression", expression)
        data.appendlist("c_search", "")
        data.appendlist("c_private_tag_creator", "")
    return data


@pytest.mark.parametrize(
    "conditions",
    [
        [],
        [condition("Modality", match_expression="CT")],
        [condition("A", condition("B", condition("C", match_expression="1")), condition("D")), condition("E")],
    ],
)
def test_conditions_survive_being_rows(conditions):
    assert conditions_of(rows_of(conditions)) == conditions


def test_empty_rows_are_left_out_and_a_row_is_at_most_one_level_deeper_than_the_one_above():
    rows = posted_rows(posted(("2", "A", "1"), ("0", " ", ""), ("2", "B", "2"), ("x", "C", "3")))
    assert [(row.level, row.tag, row.names_a_sequence) for row in rows] == [
        (0, "A", True),
        (1, "B", False),
        (0, "C", False),
    ]


@pytest.mark.parametrize("level", ["\u00b2", "9" * 5000, "-1", ""])
def test_a_level_that_is_none_is_the_outermost(level):
    assert [row.level for row in posted_rows(posted(("0", "A", "1"), (level, "B", "2")))] == [0, 0]


def test_a_form_without_any_condition_has_none():
    assert EntryForm.of_post(posted(("0", "", ""))).rows == []
    assert EntryForm.of_post(QueryDict("")).entry("1")["conditions"] == []


def test_lines_end_as_in_files():
    data = QueryDict(mutable=True)
    data["script"] = "a = 1\r\nb = 2\r"
    assert EntryForm.of_post(data).script == "a = 1\nb = 2\n"


def test_a_row_tells_what_is_wrong_and_how_it_is_read():
    (row,) = posted_rows(posted(("0", "Modalty", "CT$")))
    assert "did you mean Modality?" in row.errors()[0]
    assert "$ is a plain character" in row.warnings()[0]
    (good,) = posted_rows(posted(("0", "8,60", "CT*")))
    assert good.errors() == good.warnings() == []
    assert good.notes()[0] == "0008,0060 Modality"
