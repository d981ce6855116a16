"""A draft over past and new images: what it would change is told, and nothing else happens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from routing.engine.rehearsing.rehearse import MOST_KEPT, Rehearser
from routing.models import AuditRecord, HistoryEntry, Node, QueueItem, Rehearsal, RehearsedImage, ScopedState
from routing.trials.rehearsal import Unbegun, begin, end, newest, received_of
from scripts_app.dry_running.process import Unanswered
from tests.builders import lua_entry, node
from tests.routing.engine.preparing.preparation import Preparation
from tests.routing.engine.rehearsing import rehearsing
from tests.routing.engine.rehearsing.rehearsing import DRAFT, FAILS, SAME, Asked, images, rehearsed, sent

pytestmark = pytest.mark.django_db
work = rehearsing.work


def test_every_image_is_tried_and_counted_by_what_the_draft_means_for_it(work: Preparation) -> None:
    ids = images(work, 6)
    done = rehearsed(work, Asked(FAILS), begin(DRAFT, ids, "six", "anna"))
    assert (done.state, done.counts, done.position, done.owner) == ("done", {"fails": 6}, 6, "")
    assert done.ended_at is not None
    assert set(RehearsedImage.objects.values_list("item_id", flat=True)) == set(ids)


def test_an_image_meets_the_version_that_prepared_it_and_the_draft_from_its_sender_for_its_called_title(
    work: Preparation,
) -> None:
    lua_entry("print('ran')")
    (item_id,) = images(work)
    asked = Asked(SAME)
    done = rehearsed(work, asked, begin(DRAFT, [item_id], "one", "anna"))
    before, after, again = asked.questions
    assert again == before
    assert [entry["script"] for entry in before["content"]["entries"]] == ["print('ran')"]
    assert after["content"] == DRAFT
    assert {(each["source"], each["destination"], each["with_queue"]) for each in asked.questions} == {
        ("CT_1", "PACS", True)
    }
    told = done.images.get().told
    assert (told["then"]["result"], told["then"]["destinations"]) == (
        "prepared",
        [{"destination": "PACS", "original": True}],
    )


def test_the_version_that_ran_is_for_its_node_also_when_that_has_another_ae_title_now(work: Preparation) -> None:
    lua_entry("print('ran')", ae_titles=["PACS"])
    ids = images(work)
    Node.objects.update(ae_title="ARCHIVE", aliases=["PACS"])
    asked = Asked(SAME)
    rehearsed(work, asked, begin(DRAFT, ids, "one", "anna"))
    assert asked.questions[0]["content"]["entries"][0]["ae_titles"] == ["ARCHIVE"]


def test_a_difference_is_made_sure_of_by_a_second_run_of_what_ran(work: Preparation) -> None:
    ids = images(work)
    stamped = Asked(sent(a="3"), sent(a="1"), sent(a="2"))
    assert rehearsed(work, stamped, begin(DRAFT, ids, "one", "anna")).counts == {"identical": 1}
    real = rehearsed(work, Asked(sent(a="3"), sent(a="1"), sent(a="1")), begin(DRAFT, ids, "one", "anna"))
    assert real.counts == {"elements": 1}
    assert [(each["before"], each["after"]) for each in real.images.get().told["elements"]] == [("1", "3")]


def test_what_cannot_be_tried_says_why_and_the_others_go_on(work: Preparation) -> None:
    pruned, gone, refused = images(work, 3)
    QueueItem.objects.filter(pk=pruned).update(purged_at=timezone.now())
    QueueItem.objects.filter(pk=gone).delete()
    asked = Asked({"refused": "destination: no Storage node has the AE title 'PACS'"})
    done = rehearsed(work, asked, begin(DRAFT, [pruned, gone, refused], "three", "anna"))
    assert (done.state, done.counts) == ("done", {"untried": 3})
    why = {each.item_id: each.told["why"] for each in done.images.all()}
    assert why == {
        pruned: "the received file is no longer kept",
        refused: "destination: no Storage node has the AE title 'PACS'",
    }


@pytest.mark.parametrize("trouble", [Unanswered("the process for dry runs has ended"), ValueError("odd")])
def test_a_trial_that_breaks_does_not_end_the_rehearsal(work: Preparation, trouble: Exception) -> None:
    done = rehearsed(work, Asked(trouble), begin(DRAFT, images(work, 2), "two", "anna"))
    assert (done.state, done.counts) == ("done", {"untried": 2})


def test_of_many_images_only_those_with_a_difference_are_kept(work: Preparation) -> None:
    ids = images(work, 21)
    same = rehearsed(work, Asked(SAME), begin(DRAFT, ids, "many", "anna"))
    assert (same.counts, same.images.count()) == ({"identical": 21}, 0)
    assert rehearsed(work, Asked(FAILS), begin(DRAFT, ids, "many", "anna")).images.count() == 21
    assert MOST_KEPT > 21


def test_somebody_may_end_it_at_any_time_and_what_is_tried_after_that_is_not_kept(work: Preparation) -> None:
    running = begin(DRAFT, images(work, 6), "six", "anna")

    class Ending(Asked):
        def __call__(self, question: dict[str, Any]) -> dict[str, Any]:
            if len(self.questions) == 12:
                assert end(running.pk, "bert")
            return super().__call__(question)

    done = rehearsed(work, Ending(FAILS), running)
    assert (done.state, done.tried) == ("stopped", 4)
    assert not end(running.pk, "bert")
    assert AuditRecord.objects.filter(action="end rehearsal", actor="bert").count() == 1


def test_only_one_worker_is_at_a_rehearsal_until_its_time_is_over(work: Preparation) -> None:
    running = begin(DRAFT, images(work), "one", "anna")
    soon = timezone.now() + timedelta(minutes=1)
    Rehearsal.objects.filter(pk=running.pk).update(owner="another", until=soon, state="running")
    assert not Rehearser("me", work.spool, Asked(SAME)).step()
    Rehearsal.objects.filter(pk=running.pk).update(until=timezone.now() - timedelta(seconds=1))
    assert rehearsed(work, Asked(SAME), running).state == "done"


def test_a_rehearsal_leaves_items_their_history_and_the_state_of_studies_alone(work: Preparation) -> None:
    lua_entry("study.n = (study.n or 0) + 1")
    ids = images(work, 2)

    def all_of_it() -> Any:
        return [list(table.objects.order_by("pk").values()) for table in (QueueItem, HistoryEntry, ScopedState)]

    before = all_of_it()
    rehearsed(work, Asked(FAILS), begin(DRAFT, ids, "two", "anna"))
    assert all_of_it() == before


def test_two_rehearsals_take_turns(work: Preparation) -> None:
    ids = images(work, 5)
    first, second = begin(DRAFT, ids, "a", "anna"), begin(DRAFT, ids, "b", "anna")
    rehearser = Rehearser("me", work.spool, Asked(SAME))
    rehearser.step()
    rehearser.step()
    for each in (first, second):
        each.refresh_from_db()
    assert (first.position, second.position) == (4, 4)


def test_the_images_of_copies_are_those_that_they_were_made_from_and_waiting_ones_are_left_out(
    work: Preparation,
) -> None:
    lua_entry("route:Add('AI')")
    node("AI")
    ids = images(work, 3)
    waiting = work.image()
    assert newest(2) == [ids[2], ids[1]]
    assert received_of(QueueItem.objects.filter(destination_ae_title="AI")) == ids[::-1]
    assert received_of(QueueItem.objects.filter(pk=waiting)) == []
    with pytest.raises(Unbegun):
        begin(DRAFT, [], "none", "anna")


def test_a_study_that_would_fall_apart_is_told_for_the_rehearsal_as_a_whole(work: Preparation) -> None:
    ids = images(work, 6)

    class NewEachTime(Asked):
        def answer(self, question: dict[str, Any], trial: dict[str, Any]) -> dict[str, Any]:
            self.draft = sent(**{"0020,000D": f"9.{len(self.questions)}"})
            return super().answer(question, trial)

    done = rehearsed(work, NewEachTime(SAME), begin(DRAFT, ids, "six", "anna"))
    assert done.splits() == [("PACS", 1)]
    assert rehearsed(work, Asked(sent(a="1")), begin(DRAFT, ids, "six", "anna")).splits() == []


def test_a_new_destination_is_told_with_all_that_it_would_get(work: Preparation) -> None:
    done = rehearsed(work, Asked(sent(a="1")), begin(DRAFT, images(work), "one", "anna"))
    assert [output["changes"][0]["new"] for output in done.images.get().told["after"]["outputs"]] == ["1"]


def test_what_one_question_leaves_open_is_asked_again_and_an_ended_rehearsal_asks_no_more(work: Preparation) -> None:
    class OneByOne(Asked):
        def __call__(self, question: dict[str, Any]) -> dict[str, Any]:
            return {"answers": [self.answer(question, question["trials"][0])]}

    ids = images(work, 3)
    asked = OneByOne(FAILS)
    running = begin(DRAFT, ids, "three", "anna")
    assert rehearsed(work, asked, running).counts == {"fails": 3}
    assert len(asked.questions) == 9
    Rehearsal.objects.all().delete()

    class Ending(OneByOne):
        def __call__(self, question: dict[str, Any]) -> dict[str, Any]:
            told = super().__call__(question)
            end(Rehearsal.objects.get().pk, "bert")
            return told

    ending = Ending(FAILS)
    assert rehearsed(work, ending, begin(DRAFT, ids, "three", "anna")).tried == 0
    assert len(ending.questions) == 1


def test_one_image_that_nobody_can_try_does_not_take_those_beside_it_along(work: Preparation) -> None:
    class Breaking(Asked):
        def __call__(self, question: dict[str, Any]) -> dict[str, Any]:
            if question["trials"][0]["file"].endswith(f"{ids[1]}.dcm"):
                raise Unanswered("the process for dry runs has ended; try again")
            return {"answers": [self.answer(question, question["trials"][0])]}

    ids = images(work, 3)
    done = rehearsed(work, Breaking(FAILS), begin(DRAFT, ids, "three", "anna"))
    assert done.counts == {"fails": 2, "untried": 1}
