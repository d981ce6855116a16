"""What a person sets for one dry run: read with care, refused in words."""

import pytest
from django.http import QueryDict

from scripts_app.trying.trial_form import WrongSetting, given_of

NODES = ("PACS", "AI")
ROWS = "q_count={}&q_state={}&q_destination={}&q_study=this"


def given(text):
    return given_of(QueryDict(text), NODES)


def test_nothing_set_is_nothing():
    assert given("given_study=&given_series=+&given_queue=&q_count=3&q_state=New&n_title=") == {}


def test_a_state_is_written_as_a_column_keeps_it():
    states = given('given_study={"n": 3, "list": [1, {"deep": true}], "#": 1.5}')["states"]
    assert states == {"study": {"n": 3, "list": {"#integer 1": 1, "#integer 2": {"deep": True}}, "##": 1.5}}


def test_an_empty_state_is_one_too():
    assert given("given_series={}") == {"states": {"series": {}}}


def test_items_count_only_when_the_queue_is_set():
    rows = "&".join((ROWS.format(12, "Failed", "AI"), ROWS.format("", "New", "PACS")))
    assert given(rows) == {}
    item = {"count": 12, "state": "Failed", "destination_ae_title": "AI", "of_this_study": True}
    assert given(f"given_queue=set&{rows}") == {"items": [item]}
    assert given("given_queue=set") == {"items": []}


def test_a_node_says_what_it_answers():
    assert given("n_title=AI&n_echo=no&n_failed=7&n_title=PACS&n_echo=&n_failed=") == {
        "nodes": {"AI": {"echo": False, "failed": 7}, "PACS": {"echo": None, "failed": None}}
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("given_study=[1]", "study before: write it like"),
        ("given_study={1}", "study before: line 1, column 2"),
        ('given_series={"a": {"b": null}}', r"series before: series.a.b is null"),
        ('given_study={"a": 99999999999999999999}', "study.a is too large"),
        ('given_study={"a": ' + "9" * 5000 + "}", "study before: Exceeds the limit"),
        ("given_study=" + '{"a":' * 3000 + "1" + "}" * 3000, "study before: "),
        ("given_queue=set&" + ROWS.format("x", "New", "AI"), "'x' is no number up to 10000"),
        ("given_queue=set&" + ROWS.format("99999", "New", "AI"), "is no number up to 10000"),
        ("given_queue=set&" + ROWS.format("9" * 5000, "New", "AI"), "is no number up to 10000"),
        ("given_queue=set&" + "&".join([ROWS.format("9000", "New", "AI")] * 2), "more than 10000 in all"),
        ("given_queue=set&" + ROWS.format("1", "Sent", "AI"), "'Sent' is none of New, Prepared"),
        ("given_queue=set&" + ROWS.format("1", "New", "X"), "no node has the AE title 'X'"),
        ("n_title=X&n_echo=&n_failed=", "no node has the AE title 'X'"),
        ("n_title=AI&n_echo=&n_failed=-1", "'-1' is no number of failed deliveries"),
    ],
)
def test_what_cannot_be_used_is_named(text, words):
    with pytest.raises(WrongSetting, match=words):
        given(text)
