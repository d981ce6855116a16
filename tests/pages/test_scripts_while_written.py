"""What the script pages say while an entry is written, and of the order and reach of all of them."""

import pytest
from django.urls import reverse

from scripts_app.draft import working
from scripts_app.models import EntryCondition, LuaEntry, LuaLibrary
from tests.builders import lua_entry, node
from tests.pages import authors
from tests.pages.authors import ENTRY, many_conditions
from tests.pages.people import HTMX, words

pytestmark = pytest.mark.django_db
author = authors.author


def test_an_entry_with_many_conditions_is_saved_with_all_of_them(author):
    assert author.post(reverse("script_entry_new"), {**ENTRY, **many_conditions(1000)}).status_code == 302
    assert len(working().content["entries"][0]["conditions"]) == 1000


def test_what_was_imported_with_more_conditions_than_can_be_saved_says_so_before_anything_is_written(author):
    made = lua_entry("x = 1")
    EntryCondition.objects.bulk_create(
        EntryCondition(entry=made, tag="Modality", match_expression="CT", position=n) for n in range(1001)
    )
    page = author.get(reverse("script_entry", args=[made.pk]))
    assert "cannot be saved here as it is: 1001 conditions" in words(page)


@pytest.mark.parametrize(
    ("tag", "expression", "told"),
    [
        ("Modality", "CT*", "read as wildcard"),
        ("8,60", "^CT$", "0008,0060 Modality"),
        ("Modalty", "CT", "did you mean Modality?"),
        ("Modality", "CT$", "$ is a plain character here"),
        ("Modality", "CHEST.*PA", "the dot is a plain dot here"),
        ("Modality", "(CT|MR)", "without ^ it matches in the middle"),
    ],
)
def test_a_condition_is_judged_while_it_is_written(author, tag, expression, told):
    fields = {"c_level": "0", "c_tag": tag, "c_match_expression": expression, "c_search": ""}
    answer = author.post(reverse("script_condition"), {**fields, "c_private_tag_creator": ""})
    assert told in words(answer)


def test_lint_tells_line_and_nearest_name(author):
    def lint(script):
        return author.post(reverse("script_lint"), {"script": script}).json()["problems"]

    assert lint("print(1)\nif x the") == [
        {"severity": "error", "line": 2, "message": "'then' expected near 'the'"},
    ]
    assert lint("dataset:Get('Modality')\nroute:Add('PACX')") == [
        {
            "severity": "warning",
            "line": 2,
            "message": "no Storage node has the AE title 'PACX'; did you mean PACS?",
        },
    ]


def test_completion_knows_api_keywords_nodes_and_files(author):
    source = "local mine = 1\nfunction anonymise(ds) end\n  limit == 3"
    author.post(reverse("script_library_new"), {"path": "libs/a.lua", "source": source})
    names = author.get(reverse("script_names")).json()
    assert "PACS" in names["destinations"] and "DCP_PACS" in names["destinations"]
    assert "PatientName" in names["keywords"]
    defined = {"name": "anonymise", "signature": "anonymise(ds)", "help": ""}
    assert names["libraries"] == {"libs/a.lua": {"includes": [], "defines": [defined]}}
    assert "Prepared" in names["states"]
    (dataset,) = [found for found in names["objects"] if found["name"] == "dataset"]
    assert "dataset:Get(path)" in [member["signature"] for member in dataset["members"]]


def test_the_reference_beside_the_editor_is_made_from_the_table_of_the_api(author):
    seen = words(author.get(reverse("script_entry_new")))
    assert "dataset:Get(path) → string The value as a string" in seen
    assert "route:Add(destination[, function])" in seen


def test_a_hostile_result_of_a_dry_run_stays_text(author, monkeypatch):
    from scripts_app.views import dry_run
    from tests.pages.test_hostile_values import ATTRIBUTE, MARKUP, SCRIPT, alive

    author.post(reverse("script_sample"), {"bundled": "CT"})
    for text in (MARKUP, ATTRIBUTE, SCRIPT):
        change = {"tag": text, "keyword": text, "old": text, "new": text}
        columns = ("kind", "path", "keyword", "creator", "vr", "old", "new")
        difference = dict.fromkeys(columns, text)
        result = {
            "result": "prepared",
            "message": text,
            "entries": [{"description": text, "status": "error", "reason": text, "line": 1}],
            "outputs": [{"destination": text, "original": True, "changes": [change]}],
            "item_log": [text],
            "log": [{"level": "INFO", "message": text}],
            "state": {"study": {text: text}, "series": {}},
            "details": {
                "outputs": [
                    {"sop_class_uid": text, "transfer_syntax_uid": text, "cut": False, "differences": [difference]}
                ],
                "printed": [{"level": text, "message": text, "entry": 1, "line": 2}],
                "logged": [{"level": text, "message": text, "entry": 1, "line": 2}],
                "state_before": {"study": {text: text, "x": text}, "series": {}},
                "milliseconds": 1,
                "memory_bytes": 1,
            },
        }
        monkeypatch.setattr(dry_run, "ask", lambda question, who, result=result: {"result": result})
        answer = author.post(reverse("script_dry_run"), {"script": "print(1)"})
        assert alive(answer) == []
        assert "&lt;" in answer.content.decode() or "&quot;" in answer.content.decode()


def order(client):
    return [entry["description"] for entry in working().content["entries"]]


def test_an_entry_is_moved_to_any_place(author):
    for name in "abc":
        lua_entry("print(1)", description=name)
    first = str(LuaEntry.objects.first().pk)
    for place, expected in (("3", "bca"), ("2", "bac"), ("1", "abc"), ("9", "bca")):
        answer = author.post(reverse("script_entry_place", args=[first]), {"place": place}, headers=HTMX)
        assert "".join(order(author)) == expected
        assert f"a: {expected.index('a') + 1} of 3" in words(answer)
    for wrong in ("-1", "0", "", "one"):
        answer = author.post(reverse("script_entry_place", args=[first]), {"place": wrong}, headers=HTMX)
        assert answer.status_code == 400
    assert "".join(order(author)) == "bca"


def test_the_list_tells_which_called_titles_reach_an_entry_and_the_number_that_messages_use(author):
    node("ARCHIVE", aliases=["OLD_ARCHIVE"])
    node("GONE", enabled=False)
    lua_entry("print(1)", description="for all")
    lua_entry("print(2)", description="switched off", enabled=False)
    lua_entry("print(3)", description="for the archive", ae_titles=["ARCHIVE"])
    lua_entry("print(4)", description="for nobody", ae_titles=["GONE"])
    seen = words(author.get(reverse("scripts")))
    assert "for ARCHIVE, reached by calling ARCHIVE, DCP_ARCHIVE, OLD_ARCHIVE" in seen
    assert "No sender reaches it: its nodes are disabled or gone" in seen
    assert [row.number for row in author.get(reverse("scripts")).context["rows"]] == [1, None, 2, 3]
    chosen = author.get(reverse("scripts"), {"called": "DCP_PACS"})
    assert "Not for PACS" in words(chosen)
    assert [bool(row.out_of_reach) for row in chosen.context["rows"]] == [False, True, True, True]
    assert [bool(row.out_of_reach) for row in author.get(reverse("scripts"), {"called": "X"}).context["rows"]][
        2
    ] is False


def test_an_entry_that_no_image_can_meet_says_so(author):
    entry = lua_entry("print(1)")
    for value in ("CT", "MR"):
        EntryCondition.objects.create(entry=entry, tag="Modality", match_expression=value)
    assert "cannot be CT and MR: no image meets both" in words(author.get(reverse("scripts")))


def test_library_files_stand_in_a_tree_with_who_includes_them(author):
    lua_entry("include('libs/phi.lua')", description="strip")
    for path, source in {
        "libs/phi.lua": "x = 1",
        "libs/deep/more.lua": "include('libs/phi.lua') include('no.lua')",
    }.items():
        LuaLibrary.objects.create(path=path, source=source)
    seen = words(author.get(reverse("scripts")))
    assert "libs/ deep/ more.lua used by nobody includes no.lua, which is not there" in seen
    assert "phi.lua used by strip, libs/deep/more.lua" in seen
    page = author.get(reverse("script_library", args=["libs/phi.lua"])).content.decode()
    assert reverse("script_library", args=["libs/deep/more.lua"]) in page
    assert reverse("script_entry", args=[LuaEntry.objects.get().pk]) in page
    answer = author.post(reverse("script_library_delete", args=["libs/phi.lua"]), follow=True)
    assert "strip, libs/deep/more.lua would miss it" in words(answer)
