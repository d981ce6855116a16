"""senders.yml: who may send, as a file; all of it or nothing."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from routing.configuration.export import export_directory, export_files
from routing.models import AuditRecord, KnownSender

pytestmark = pytest.mark.django_db

SENDERS = """\
- AeTitle: CT_1
  Network: 192.0.2.0/24
  Description: 000000
- AeTitle: CT_1
  Enabled: no
"""


def written(folder: Path, text: str) -> Path:
    (folder / "senders.yml").write_text(text, encoding="utf-8")
    return folder


def run(folder: Path, *options: str) -> str:
    out = StringIO()
    call_command("import_config", str(folder), *options, stdout=out)
    return out.getvalue()


def refused(folder: Path, text: str) -> list[str]:
    err = StringIO()
    with pytest.raises((SystemExit, CommandError)):
        call_command("import_config", str(written(folder, text)), stdout=StringIO(), stderr=err)
    assert not KnownSender.objects.exists()
    return [line for line in err.getvalue().splitlines() if line.startswith("senders.yml")]


def known() -> set[tuple[str, str, str, bool]]:
    return set(KnownSender.objects.values_list("ae_title", "network", "description", "enabled"))


def test_senders_become_what_the_file_says_and_the_plan_says_it_first(tmp_path: Path) -> None:
    KnownSender.objects.create(ae_title="CT_1", network="192.0.2.0/24", description="old")
    KnownSender.objects.create(ae_title="GONE")
    written(tmp_path, SENDERS)
    planned = run(tmp_path, "--plan")
    assert "change  sender CT_1 from 192.0.2.0/24: Description old -> 000000" in planned
    assert "add     sender CT_1 from anywhere" in planned
    assert "remove  sender GONE from anywhere" in planned
    assert "takes images from anybody" not in planned
    assert len(known()) == 2
    run(tmp_path)
    assert known() == {("CT_1", "192.0.2.0/24", "000000", True), ("CT_1", "", "", False)}
    assert AuditRecord.objects.get().action == "import configuration"
    assert "nothing to change" in run(tmp_path)


def test_a_row_that_stays_the_same_sender_keeps_its_row(tmp_path: Path) -> None:
    row = KnownSender.objects.create(ae_title="CT_1", network="192.0.2.0/24")
    run(written(tmp_path, SENDERS))
    assert KnownSender.objects.get(network="192.0.2.0/24").pk == row.pk


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        (
            "- AeTitle: CT_1\n  Netwrk: 10.0.0.1\n",
            ["senders.yml:2: a sender has no key 'Netwrk'; did you mean 'Network'?"],
        ),
        ("- Network: 10.0.0.1\n", ["senders.yml:1: AeTitle: This field cannot be blank."]),
        (
            "- AeTitle: CT_1\n  Network: here\n",
            ["senders.yml:2: Network: 'here' is neither an address nor a network such as 192.168.1.0/24"],
        ),
        (
            "- AeTitle: CT_1\n- AeTitle: MR_1\n- AeTitle: CT_1\n",
            ["senders.yml:3: AeTitle 'CT_1' from anywhere is on line 1 already"],
        ),
        ("- AeTitle: CT_1\n  Enabled: perhaps\n", ["senders.yml:2: Enabled is 'perhaps'; it must be true or false"]),
        ("AeTitle: CT_1\n", ["senders.yml:1: senders.yml must be a list"]),
        (
            "- AeTitle: A_TITLE_THAT_IS_LONG\n",
            ["senders.yml:1: AeTitle: AE title 'A_TITLE_THAT_IS_LONG' has 20 characters; at most 16 are allowed"],
        ),
    ],
)
def test_mistakes_are_told_with_file_and_line_and_nothing_is_changed(
    tmp_path: Path, text: str, mistakes: list[str]
) -> None:
    assert refused(tmp_path, text) == mistakes


def test_without_the_file_senders_stay_and_with_an_empty_one_they_go(tmp_path: Path) -> None:
    KnownSender.objects.create(ae_title="CT_1")
    (tmp_path / "nodes.yml").write_text("[]", encoding="utf-8")
    assert "this router refuses senders it does not know" in run(tmp_path)
    assert len(known()) == 1
    run(written(tmp_path, ""))
    assert known() == set()


def test_an_export_holds_them_with_nothing_that_is_default(tmp_path: Path) -> None:
    run(written(tmp_path, SENDERS))
    text = export_files()["senders.yml"]
    assert text.count("Enabled") == 1
    assert "Network" in text
    KnownSender.objects.all().delete()
    folder = tmp_path / "export"
    export_directory(folder)
    assert (folder / "senders.yml").read_text(encoding="utf-8").endswith("[]\n")
