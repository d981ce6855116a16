"""What is told of an item that was not prepared to people who may not see patients: what no script has worded."""

import pytest
from django.utils import timezone

from routing.core.states import QueueEvent, QueueState
from routing.engine.reconcile import MISSING, PREPARED_MISSING
from routing.engine.watching.watchdog import FILE_MESSAGE
from routing.models import HistoryEntry
from routing.people.sight import Sight
from scripts_app.core.lua.limits import Limits
from tests.builders import queue_item

pytestmark = pytest.mark.django_db

OWN = [
    "no route: the image was sent to the router itself and no script routed it",
    "its preparation began 5 times and never ended",
    "node AI SERVER has been deleted",
    "no node answers to called AE title 'X'",
    Limits().time_message,
    Limits().memory_message,
    FILE_MESSAGE,
    MISSING,
    PREPARED_MISSING,
    "older than 336 hours",
]


def seen(text: str, full: bool = False) -> list[str]:
    """As the last error of an item and as the note of the move."""
    item = queue_item("Failed", last_error=text)
    moved = {"from_state": QueueState.NEW, "event": QueueEvent.GAVE_UP, "note": text}
    entry = HistoryEntry.objects.create(item=item, at=timezone.now(), to_state="Failed", actor="worker", **moved)
    return [Sight(full).last_error(item), Sight(full).note(entry)]


@pytest.mark.parametrize("text", OWN)
def test_what_the_router_says_itself_is_told_to_everybody(text: str) -> None:
    assert seen(text) == [text, text]


@pytest.mark.parametrize("text", OWN)
def test_what_a_script_says_is_not_told_for_beginning_or_ending_alike(text: str) -> None:
    assert seen(f"{text} MEIER^ANNA") == seen(f"MEIER {text}") == ["•••", "•••"]
    assert seen(f"{text}\nMEIER^ANNA") == ["•••", "•••"]


def test_of_a_scripts_error_everybody_reads_which_entry_it_was() -> None:
    text = "entry 12 (Birthday of MEIER), line 3: fail: MEIER^ANNA, 1970"
    assert seen(text) == ["entry 12: •••", "•••"]
    assert seen(text, full=True) == [text, text]
    assert seen("ValueError: MEIER^ANNA") == ["•••", "•••"]


def test_of_a_name_that_holds_another_nothing_is_left() -> None:
    item = queue_item("Failed", patient_name="AZENBERG^ZEN")
    assert Sight(False).about(item, "no patient AZENBERG, ZEN") == "no patient •••, •••"
