"""What a study's UID begins with is found by an index in whatever order PostgreSQL keeps texts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection

from routing.forms.study_search import StudySearch
from routing.people.sight import Sight
from tests.builders import queue_item

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite orders texts by their bytes"),
]


def ordered_as_in(language: str) -> None:
    """As in a database that was made with it; Debian's makes them in the system's."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_collation WHERE collname = %s", [language])
        if cursor.fetchone() is None:
            pytest.skip(f"this server has no {language}")
        cursor.execute(
            f'ALTER TABLE routing_queueitem ALTER COLUMN study_instance_uid TYPE varchar(128) COLLATE "{language}"'
        )


def looked_up(plan: dict[str, Any]) -> str:
    """What of the question an index answers."""
    return " ".join([plan.get("Index Cond", ""), *map(looked_up, plan.get("Plans", ()))])


@pytest.mark.parametrize("language", ["C", "en-x-icu", "und-x-icu"])
@pytest.mark.parametrize("text", ["1.2.840.3", "1.2.840.3.", "P-17"])
def test_a_part_of_a_uid_is_found_by_its_index(language: str, text: str) -> None:
    ordered_as_in(language)
    ends = ("", "1", ".1", "9.9999", ".z", "Z", "-1")
    found = [queue_item(study_instance_uid=f"{text}{end}").pk for end in ends]
    for other in ("1.2.840.2", "1.2.840", "1.2.840.4", "P-16", "p-17", "", "Z"):
        queue_item(study_instance_uid=other)
    items = StudySearch({"q": text}, sight=Sight(full=False)).items().order_by()
    assert set(items.values_list("pk", flat=True)) == set(found)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        sql, values = items.values("pk").query.sql_with_params()
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", values)
        (told,) = cursor.fetchone()
    plan = json.loads(told) if isinstance(told, str) else told
    assert f"study_instance_uid >= '{text}'" in looked_up(plan[0]["Plan"]).replace(
        "(study_instance_uid)::text", "study_instance_uid"
    )
