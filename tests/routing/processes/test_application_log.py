"""The application log: one event is one line, nobody waits for it, and it tells no patient's name."""

import logging
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test import Client

from routing.database import rows
from routing.models import ApplicationLogLine
from routing.processes import application_log
from routing.processes.application_log import DatabaseHandler, OneLine, escaped, first_line, place_of, start
from routing.views import health


@pytest.fixture
def restored() -> Iterator[None]:
    """Loggers as they were before the test."""
    root, ours = logging.getLogger(), logging.getLogger("capacitor")
    before = (root.handlers[:], root.level, ours.level)
    yield
    for handler in root.handlers:
        if handler not in before[0]:
            handler.close()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])
    for name in ("pydicom", "pynetdicom"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def record(message: str, *arguments: Any, **fields: Any) -> logging.LogRecord:
    return logging.LogRecord("capacitor.test", logging.INFO, "here.py", 1, message, arguments, fields.get("exc_info"))


@pytest.mark.fault(130, "line feeds, escapes, NUL, C1 controls")
@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("AE 'X\x1b[31mRED'", "AE 'X\\x1b[31mRED'"),
        ("one\nERROR forged", "one\\x0aERROR forged"),
        ("one\r\nERROR forged", "one\\x0d\\x0aERROR forged"),
        ("nul \x00 bell \x07 c1 \x9b end", "nul \\x00 bell \\x07 c1 \\x9b end"),
        ("tab\tstays, Ä stays", "tab\tstays, Ä stays"),
    ],
)
def test_control_characters_cannot_forge_lines_or_steer_terminals(said: str, written: str) -> None:
    assert OneLine("%(message)s").format(record("%s", said)) == written


def test_a_traceback_keeps_its_lines() -> None:
    try:
        raise ValueError("bad\x1b")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    form = OneLine("%(message)s")
    form.words = True
    text = form.format(record("broken", exc_info=info))
    assert text.startswith("broken\nTraceback")
    assert text.endswith("ValueError: bad\\x1b")


@pytest.mark.fault(126, "errors whose words quote a patient's data set")
def test_the_words_of_an_error_are_withheld_and_its_place_is_told(seen: Callable[[str], None]) -> None:
    try:
        try:
            raise ValueError("invalid date 'ZZCANARY'")
        except ValueError as error:
            raise KeyError("ZZCANARY^PHI") from error
    except KeyError as error:
        info = (type(error), error, error.__traceback__)
    text = OneLine("%(message)s").format(record("broken", exc_info=info))
    assert "ZZCANARY" not in re.sub(r"raise .*", "", text)
    assert "ValueError" in text and "which led to:" in text and text.count("test_application_log.py") == 2
    seen("kind and place of each error in the log, no value")


def test_the_systems_own_words_are_told() -> None:
    try:
        raise OSError(28, "No space left on device")
    except OSError as error:
        info = (type(error), error, error.__traceback__)
    assert OneLine("%(message)s").format(record("broken", exc_info=info)).endswith("(No space left on device)")


def test_escaping_leaves_readable_text_alone() -> None:
    assert escaped("plain\ttext\n") == "plain\ttext\n"


def test_of_an_unexpected_error_kind_and_place_are_told_but_not_what_it_quotes() -> None:
    try:
        raise ValueError("patient DOE^JANE")
    except ValueError as error:
        assert place_of(error).startswith("ValueError in test_application_log.py, line ")
    assert place_of(ValueError("x")) == "ValueError"


def test_of_a_database_error_the_lines_that_quote_the_row_are_left_out() -> None:
    assert first_line(OperationalError("refused\nDETAIL: DOE^JANE")) == "refused"


@pytest.mark.usefixtures("restored")
def test_each_process_writes_a_file_of_its_own_with_its_name_in_every_line(tmp_path: Path) -> None:
    start("listener", tmp_path / "logs", "INFO", database=False)
    logging.getLogger("capacitor.spool").info("said %s", "this")
    logging.getLogger("capacitor.spool").debug("not this")
    logging.getLogger("other").info("nor this")
    logging.getLogger("other").warning("but that")
    lines = (tmp_path / "logs" / "listener.log").read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == [
        "INFO    listener capacitor.spool: said this",
        "WARNING listener other: but that",
    ]
    # As top and ps show it.
    assert Path("/proc/self/comm").read_text() == "cap:listener\n"


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("name", ["pydicom", "pynetdicom", "pynetdicom.acse"])
def test_libraries_that_quote_values_are_silent(tmp_path: Path, name: str) -> None:
    start("listener", tmp_path, "DEBUG", database=False)
    logging.getLogger(name).error("PatientName is DOE^JANE")
    assert (tmp_path / "listener.log").read_text() == ""


@pytest.mark.django_db(transaction=True)
def test_lines_reach_the_database_with_level_process_and_logger() -> None:
    handler = DatabaseHandler("listener")
    handler.emit(record("one\x1b\0 %d", 1))
    handler.emit(record("two\nlines"))
    handler.finish()
    told = list(ApplicationLogLine.objects.order_by("id").values_list("level", "process", "logger", "message"))
    assert told == [("INFO", "listener", "test", "one\\x1b\\x00 1"), ("INFO", "listener", "test", "two\nlines")]
    connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", ["/logs/", "/admin/routing/applicationlogline/"])
def test_what_a_process_logs_is_found_by_its_level_on_every_page(page: str) -> None:
    handler = DatabaseHandler("listener")
    handler.emit(record("association refused"))
    handler.finish()
    client = Client()
    # Not by a role: those are gone with the first test that is no transaction.
    client.force_login(User.objects.create_superuser("boss"))
    assert "association refused" in client.get(page, {"level": "INFO"}).content.decode()
    assert "association refused" not in client.get(page, {"level": "ERROR"}).content.decode()
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_loses_lines_and_the_next_ones_come_through(monkeypatch: Any) -> None:
    handler = DatabaseHandler("listener")
    tried: list[int] = []
    lost = threading.Event()
    really = rows.insert

    def insert(model: Any, lines: Any) -> Any:
        tried.append(len(lines))
        if len(tried) == 1:
            lost.set()
            raise OperationalError("away")
        return really(model, lines)

    monkeypatch.setattr(rows, "insert", insert)
    handler.emit(record("lost"))
    assert lost.wait(30)
    handler.emit(record("kept"))
    handler.finish()
    assert list(ApplicationLogLine.objects.values_list("message", flat=True)) == ["kept"]
    connection.close()


def test_who_logs_never_waits_however_much_waits_already(monkeypatch: Any) -> None:
    monkeypatch.setattr(application_log, "_MOST_WAITING", 3)
    monkeypatch.setattr(application_log.threading.Thread, "start", lambda self: None)
    handler = DatabaseHandler("listener")
    for number in range(10):
        handler.emit(record("%d", number))
    assert handler._lines.qsize() == 3


def test_a_process_that_logs_nothing_has_no_thread_so_that_it_may_fork() -> None:
    handler = DatabaseHandler("listener")
    assert handler._thread is None
    handler.finish()


def test_what_any_visitor_can_cause_does_not_fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(application_log.time, "monotonic", lambda: now[0])
    seldom = application_log.Seldom(most=3)
    assert [seldom.filter(record("Not Found")) for _ in range(5)] == [True, True, True, False, False]
    now[0] += 61
    assert seldom.filter(record("Not Found"))


@pytest.mark.django_db
@pytest.mark.usefixtures("restored")
def test_who_asks_every_few_seconds_whether_all_is_ready_does_not_fill_the_log(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("django.request"), "filters", [])
    start("web", tmp_path, "INFO", database=False)
    assert client.get("/readyz").status_code == 503
    assert client.post("/healthz").status_code == 405
    client.get("/nothing/of/this/name")
    (line,) = (tmp_path / "web.log").read_text().splitlines()
    assert "Not Found" in line


@pytest.mark.django_db
@pytest.mark.usefixtures("restored")
def test_an_error_of_the_probe_itself_is_told(tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("django.request"), "filters", [])
    start("web", tmp_path, "INFO", database=False)
    client.raise_request_exception = False
    monkeypatch.setattr(health, "PARTS", None)
    assert client.get("/readyz").status_code == 500
    assert "AttributeError" in (tmp_path / "web.log").read_text()
