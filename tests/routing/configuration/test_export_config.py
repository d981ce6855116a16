"""An export is stable, and an import of it gives back what was there."""

from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routing.configuration.apply import apply, import_directory
from routing.configuration.export import export_directory, export_files
from routing.configuration.node_keys import KEYS, values_of
from routing.configuration.nodes_yml import WrittenNode
from routing.configuration.plan import make_plan, stored_entries, written_entry
from routing.configuration.reading import Desired
from routing.configuration.senders_yml import WrittenSender, sender_of
from routing.models import KnownSender, Node
from scripts_app.configuration.lua_yml import WrittenEntry, names_a_file
from scripts_app.core.conditions.condition import Condition
from scripts_app.models import LuaEntry, LuaLibrary

pytestmark = pytest.mark.django_db

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=30)
LINE = st.one_of(
    st.sampled_from(["", "000000", "NO", "null", "~", "12:30:45", "0x10", "1e3", "true", "- a", "a: b", "#", "'", '"']),
    st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=20),
).map(str.strip)
PATHS = st.sampled_from(["a.lua", "libs/phi.lua", "scripts/route smart.lua"])
TITLE = st.sampled_from(["PACS", "000000", "NO", "AI SERVER", "1E5"])
CONDITIONS: Any = st.recursive(
    st.builds(
        Condition,
        tag=st.sampled_from(["0008,0060", "8,60", "Modality", "00100010"]),
        match_expression=st.sampled_from(["CT", "000000", "NO", "^.+$", "*X ", " y", "(?i)mr|ct", "1.2.3", "~"]),
        search=st.booleans(),
    ),
    lambda inner: st.builds(
        Condition, tag=st.just("0008,1140"), sequence_items=st.lists(inner, min_size=1, max_size=2).map(tuple)
    ),
    max_leaves=4,
)

SENDERS = st.builds(
    WrittenSender,
    ae_title=TITLE,
    network=st.sampled_from(["", "192.0.2.7", "192.0.2.0/24", "2001:db8::/32"]),
    description=LINE,
    enabled=st.booleans(),
)


@st.composite
def configurations(draw: Any) -> Desired:
    libraries = draw(st.dictionaries(PATHS, TEXT.map(lambda text: f"--[====[{text}]====]")))
    titles = draw(st.lists(TITLE, unique=True, max_size=4))
    nodes = []
    for title in titles:
        values = {key.column: key.default for key in KEYS} | {"ae_title": title}
        values |= draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "description": LINE,
                    "host": st.sampled_from(["10.0.0.1", "pacs", "1e5"]),
                    "port": st.integers(1, 65535),
                    "aliases": st.sampled_from([[f"X{title}"], [], ["~"] if title == "PACS" else []]),
                    "enabled": st.booleans(),
                    "paused": st.booleans(),
                    "batch_size": st.sampled_from([None, 0, 7]),
                    "transfer_syntax": st.sampled_from(["", "JPEGLossless", "1.2.840.10008.1.2"]),
                    "process_schedule": st.sampled_from([[], ["22:00 - 06:00", "12:00-12:30"]]),
                    "retry_attempts": st.sampled_from([None, 1]),
                    "tls_check_host": st.booleans(),
                },
            )
        )
        nodes.append(WrittenNode(values, 1))
    inline = TEXT.filter(lambda text: text.strip() and not names_a_file(text)).map(
        lambda text: f"--[====[{text}]====]\n"
    )
    entries = draw(
        st.lists(
            st.builds(
                WrittenEntry,
                description=LINE,
                script=inline,
                library=st.just(""),
                conditions=st.lists(CONDITIONS, max_size=2).map(tuple),
                ae_titles=st.lists(st.sampled_from(titles), max_size=2).map(tuple) if titles else st.just(()),
                on_error=st.sampled_from(["skip", "fail"]),
                enabled=st.booleans(),
            ),
            max_size=4,
        )
    )
    entries += [WrittenEntry("", "", path) for path in libraries]
    senders = draw(st.lists(SENDERS, max_size=4, unique_by=lambda sender: sender.identity).map(tuple))
    return Desired(tuple(nodes), senders, tuple(entries), libraries, ())


def stored() -> tuple[Any, ...]:
    return (
        [values_of(node) for node in Node.objects.all()],
        [sender_of(row) for row in KnownSender.objects.all()],
        [written_entry(row) for row in stored_entries()],
        dict(LuaLibrary.objects.values_list("path", "source")),
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(configuration=configurations())
def test_an_import_of_an_export_gives_back_what_was_there(configuration: Desired) -> None:
    apply(make_plan(configuration))
    before = stored()
    assert set(before[1]) == set(configuration.senders or ())
    assert before[2] == list(configuration.entries or ())
    with TemporaryDirectory() as name:
        export_directory(Path(name))
        assert import_directory(Path(name), actor="test", only_plan=True).steps == []
        Node.objects.all().delete()
        LuaEntry.objects.all().delete()
        LuaLibrary.objects.all().delete()
        import_directory(Path(name), actor="test")
        assert export_directory(Path(name)) == []
    assert stored() == before


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\ufeff", "\x07", "\t"])
def test_what_yaml_takes_for_a_line_break_is_quoted(character: str, tmp_path: Path) -> None:
    Node.objects.create(ae_title="PACS", description=f"0{character}0")
    LuaEntry.objects.create(position=1, script=f"a = '{character}'")
    export_directory(tmp_path)
    assert import_directory(tmp_path, actor="test", only_plan=True).steps == []


def sample() -> None:
    Node.objects.create(ae_title="PACS", host="pacs.example", port=11113, aliases=["000000"], paused=True)
    library = LuaLibrary.objects.create(path="scripts/route.lua", source="route:Drop()\n")
    entry = LuaEntry.objects.create(position=1, description="Label", script="a = 1\nb = 2\n", ae_titles=["PACS"])
    entry.conditions.create(tag="0008,0060", match_expression="CT")
    LuaEntry.objects.create(position=2, library=library, on_error="fail", enabled=False)


def test_an_export_reads_like_a_file_that_a_person_wrote(tmp_path: Path) -> None:
    sample()
    call_command("export_config", str(tmp_path), stdout=StringIO())
    assert (tmp_path / "nodes.yml").read_text().splitlines()[1:] == [
        "- AeTitle: PACS",
        "  HostName: pacs.example",
        "  Port: 11113",
        "  NodeRole: Storage",
        "  Paused: true",
        "  Aliases:",
        "    - '000000'",
    ]
    assert (tmp_path / "lua.yml").read_text().splitlines()[1:] == [
        "- Description: Label",
        "  Script: |",
        "    a = 1",
        "    b = 2",
        "  Conditions:",
        "    - Tag: 0008,0060",
        "      MatchExpression: CT",
        "  AeTitles:",
        "    - PACS",
        "- Script: scripts/route.lua",
        "  OnError: fail",
        "  Enabled: false",
    ]
    assert (tmp_path / "scripts/route.lua").read_text() == "route:Drop()\n"
    assert "filters: lua" in (tmp_path / "config.yml").read_text()


def test_a_second_export_writes_nothing(tmp_path: Path) -> None:
    sample()
    export_directory(tmp_path)
    out = StringIO()
    call_command("export_config", str(tmp_path), stdout=out)
    assert out.getvalue() == "nothing to change\n"


def test_an_empty_configuration_makes_an_import_that_removes_everything(tmp_path: Path) -> None:
    files = export_files()
    sample()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    import_directory(tmp_path, actor="test")
    assert not Node.objects.exists() and not LuaEntry.objects.exists() and not LuaLibrary.objects.exists()


def test_a_foreign_lua_file_is_named_and_only_removed_when_asked(tmp_path: Path) -> None:
    sample()
    (tmp_path / "old.lua").write_text("-- mine")
    err = StringIO()
    with pytest.raises(SystemExit) as stop:
        call_command("export_config", str(tmp_path), stderr=err)
    assert stop.value.code == 2
    assert "old.lua: is not part of the configuration; remove it, or use --prune" in err.getvalue()
    assert [path.name for path in tmp_path.iterdir()] == ["old.lua"]
    call_command("export_config", str(tmp_path), "--prune", stdout=StringIO())
    assert not (tmp_path / "old.lua").exists()


def test_an_export_never_follows_a_link_out_of_the_directory(tmp_path: Path) -> None:
    sample()
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (inside / "scripts").symlink_to(outside)
    with pytest.raises(SystemExit):
        call_command("export_config", str(inside), stderr=StringIO())
    assert list(outside.iterdir()) == []
