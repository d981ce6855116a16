"""Processes that wait for dry runs: one answer for each question, and no harm when one dies or hangs."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings

from scripts_app.dry_running import process
from scripts_app.dry_running.process import Superseded, Unanswered, ask

pytestmark = pytest.mark.integration
SERVICE = """
import json, os, sys
for line in sys.stdin:
    question = json.loads(line)
    if question.get("die"):
        os._exit(1)
    if question == {"stop": True}:
        continue
    if question.get("hang"):
        sys.stdin.read()
    if question.get("until stopped"):
        print(json.dumps(json.loads(sys.stdin.readline())), flush=True)
        continue
    print(json.dumps({"pid": os.getpid(), "said": question["say"]}), flush=True)
"""


@pytest.fixture(autouse=True)
def service(tmp_path, monkeypatch):
    (tmp_path / "manage.py").write_text(SERVICE, encoding="utf-8")
    monkeypatch.setattr(settings, "BASE_DIR", tmp_path)
    idle = []
    monkeypatch.setattr(process, "_idle", idle)
    yield idle
    for each in idle:
        each.end()


def test_a_long_question_has_its_answer():
    text = "ä" * 300_000
    assert ask({"say": text})["said"] == text


def test_the_next_question_goes_to_the_process_that_waits():
    assert ask({"say": 1})["pid"] == ask({"say": 2})["pid"]


def test_a_process_that_has_died_while_waiting_is_replaced(service):
    first = ask({"say": 1})["pid"]
    os.kill(first, signal.SIGKILL)
    service[0]._process.wait()
    answer = ask({"say": 2})
    assert answer["said"] == 2
    assert answer["pid"] != first


def test_two_who_want_the_one_process_that_waits_both_have_an_answer(service, monkeypatch):
    ask({"say": 1})

    class Raced(list):
        def pop(self):
            # The other one has taken it since the look whether there is one.
            service.extend(self)
            self.clear()
            return super().pop()

    raced = Raced(service)
    service.clear()
    monkeypatch.setattr(process, "_idle", raced)
    try:
        assert ask({"say": 2})["said"] == 2
    finally:
        service.extend(raced)


def test_a_process_that_dies_over_a_question_is_told_and_not_kept(service):
    with pytest.raises(Unanswered, match="has ended"):
        ask({"die": True})
    assert service == []
    assert ask({"say": 3})["said"] == 3


def test_a_process_that_hangs_is_ended(service, monkeypatch):
    monkeypatch.setattr(process, "_MARGIN", 0.2 - settings.CAPACITOR.lua_seconds)
    with pytest.raises(Unanswered, match="did not end"):
        ask({"hang": True, "say": 1})
    assert service == []


def test_no_more_trials_run_than_have_a_turn(monkeypatch):
    monkeypatch.setattr(process, "_WAIT", 0.01)
    turns = process._turns
    while turns.acquire(blocking=False):
        pass
    try:
        with pytest.raises(Unanswered, match="other dry runs"):
            ask({"say": 1})
    finally:
        for _ in range(process._AT_ONCE):
            turns.release()


def test_the_next_question_of_the_same_person_takes_the_place_of_the_one_before(service):
    """The first is answered by nobody until the second comes; without that it would hang."""
    with ThreadPoolExecutor() as threads:
        first = threads.submit(ask, {"until stopped": True, "say": 1}, "author")
        while "author" not in process._busy:
            assert not first.done()
        assert ask({"say": 2}, "author")["said"] == 2
        with pytest.raises(Superseded):
            first.result()
    assert len(service) == 2
    assert (process._busy, process._latest) == ({}, {})
    assert ask({"say": 3}, "author")["said"] == 3


def test_nobody_stops_the_question_of_somebody_else():
    with ThreadPoolExecutor() as threads:
        first = threads.submit(ask, {"until stopped": True, "say": 1}, "author")
        while "author" not in process._busy:
            assert not first.done()
        assert ask({"say": 2}, "colleague")["said"] == 2
        assert not first.done()
        ask({"say": 3}, "author")
