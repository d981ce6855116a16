"""An export that breaks off leaves each file as it was: an empty nodes.yml would say that there is to be no node."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import call_command

from routing.backup.kept import keep_configuration, kept_folder
from routing.configuration.export import export_directory
from tests.builders import node
from tests.full_disk import no_room_beyond

pytestmark = pytest.mark.django_db


def test_what_is_kept_for_a_recovery_outlives_a_full_disk(tmp_path: Path, settings, caplog) -> None:
    settings.CAPACITOR = replace(settings.CAPACITOR, data_dir=tmp_path)
    pacs = node("PACS")
    keep_configuration()
    before = {path: path.read_bytes() for path in kept_folder().rglob("*")}
    pacs.description = "x" * 200
    pacs.save()
    with no_room_beyond(100):
        keep_configuration()
    assert "the configuration could not be kept as text" in caplog.text
    assert {path: path.read_bytes() for path in kept_folder().rglob("*")} == before


def test_a_full_disk_is_told_with_the_file(tmp_path: Path, capsys) -> None:
    node("PACS")
    with pytest.raises(SystemExit), no_room_beyond(10):
        call_command("export_config", str(tmp_path))
    assert str(tmp_path / "config.yml") in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_rights_and_links_within_the_directory_stay(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/nodes.yml").write_text("")
    (tmp_path / "site/nodes.yml").chmod(0o640)
    (tmp_path / "nodes.yml").symlink_to("site/nodes.yml")
    node("PACS")
    export_directory(tmp_path)
    assert (tmp_path / "nodes.yml").is_symlink()
    assert "PACS" in (tmp_path / "site/nodes.yml").read_text()
    assert (tmp_path / "site/nodes.yml").stat().st_mode & 0o777 == 0o640
