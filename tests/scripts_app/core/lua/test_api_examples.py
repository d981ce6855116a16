"""Every member of the API has an example, and each example of the manual runs."""

from __future__ import annotations

import pytest

from scripts_app.core.lua.api import OBJECTS
from tests.scripts_app.core.builders import PlainFacts, row, run
from tests.scripts_app.core.test_lua_page_examples import PHI

BEFORE = {
    "item": "local item = dataset:Append('ReferencedStudySequence', {ReferencedSOPInstanceUID = '1.2.3'})",
    "list": "local list = study.queue:items()",
    "queue item": "local item = study.queue:items():get(1)",
}
BACKLOG = "local backlog = 3 dataset:Append('ReferencedStudySequence') dataset:Append('ReferencedStudySequence')"
EXAMPLES = [(api.name, member.name, member.example) for api in OBJECTS for member in api.members]
EXAMPLES += [(api.name, "", api.example) for api in OBJECTS if api.example]


@pytest.mark.parametrize(("owner", "name", "example"), EXAMPLES, ids=lambda value: value[:40])
def test_each_example_of_the_manual_runs(owner: str, name: str, example: str) -> None:
    assert example, "the manual shows an example of everything"
    assert not name or name in example
    outcome = run(
        f"{BACKLOG} {BEFORE.get(owner, '')} {example}",
        facts=PlainFacts(rows=[row(), row(state="Failed")]),
        libraries={"libs/phi.lua": PHI},
    )
    assert [(report.status, report.reason) for report in outcome.entries] == [("ran", "")]


def test_objects_without_members_have_an_example_of_their_own() -> None:
    assert [api.name for api in OBJECTS if not api.members and not api.example] == []
