"""Tell what is wrong with a condition before it is used, for forms and importers."""

from __future__ import annotations

from scripts_app.core.conditions.condition import Condition
from scripts_app.core.conditions.errors import WrongCondition
from scripts_app.core.conditions.pattern import read_pattern
from scripts_app.core.conditions.tag import read_tag


def check_condition(condition: Condition) -> list[str]:
    """Every mistake of the condition and of those inside it; an empty list when there is none."""
    problems: list[str] = []
    name = condition.tag or "a condition without a tag"
    try:
        tag = read_tag(condition.tag)
        name = str(tag)
        if condition.private_tag_creator and tag.group % 2 == 0:
            problems.append(f"{name}: PrivateTagCreator needs an odd group, {tag.group:04X} is a standard one")
    except WrongCondition as error:
        problems.append(str(error))
    if condition.sequence_items:
        if condition.search:
            problems.append(f"{name}: Search and SequenceItems exclude each other")
        if condition.match_expression:
            problems.append(f"{name}: MatchExpression and SequenceItems exclude each other")
        for inner in condition.sequence_items:
            problems += [f"{name}: SequenceItems: {problem}" for problem in check_condition(inner)]
        return problems
    try:
        read_pattern(condition.match_expression)
    except WrongCondition as error:
        problems.append(f"{name}: {error}")
    return problems
