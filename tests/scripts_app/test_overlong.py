"""PostgreSQL keeps to the lengths of columns: what it would refuse is told before anything is stored."""

from pathlib import Path

import pytest
from django.db import connection

from scripts_app.collection_check import entry_faults
from scripts_app.configuration.problem import ConfigurationError
from scripts_app.entry_form import EntryForm, Row
from scripts_app.loader import from_directory

STATIONS = f"^({'|'.join(f'STATION{number:03}' for number in range(120))})$"


@pytest.fixture
def on_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "vendor", "postgresql")


def faults(*rows: Row) -> list[str]:
    entry = EntryForm(script="print(1)", rows=list(rows)).entry("k")
    return [fault.message for fault in entry_faults(entry, {}, ())]


@pytest.mark.usefixtures("on_postgresql")
def test_a_long_pattern_is_refused_in_words() -> None:
    assert faults(Row(tag="StationName", match_expression=STATIONS)) == [
        f"StationName: MatchExpression has {len(STATIONS)} characters; PostgreSQL keeps at most 1000"
    ]


@pytest.mark.usefixtures("on_postgresql")
def test_so_is_a_creator_inside_a_sequence() -> None:
    outer = Row(tag="0008,1140", names_a_sequence=True)
    inner = Row(level=1, tag="0009,1001", match_expression="x", private_tag_creator="C" * 65)
    assert faults(outer, inner) == ["0009,1001: PrivateTagCreator has 65 characters; PostgreSQL keeps at most 64"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="of SQLite")
def test_sqlite_takes_what_is_long() -> None:
    assert faults(Row(tag="StationName", match_expression=STATIONS)) == []


@pytest.mark.usefixtures("on_postgresql")
def test_an_import_names_the_lines(tmp_path: Path) -> None:
    condition = f"  Conditions:\n  - Tag: StationName\n    MatchExpression: {STATIONS}\n"
    (tmp_path / "lua.yml").write_text(f"- Description: {'d' * 201}\n  Script: print(1)\n{condition}")
    with pytest.raises(ConfigurationError) as refused:
        from_directory(tmp_path)
    assert [(problem.line, problem.message) for problem in refused.value.problems] == [
        (1, "Description has 201 characters; PostgreSQL keeps at most 200"),
        (4, f"Condition StationName: MatchExpression has {len(STATIONS)} characters; PostgreSQL keeps at most 1000"),
    ]
