"""Preparing an image that scripts send elsewhere: copies, drops, and destinations that are no more."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from routing.core.plan import Plan, plan_for
from routing.engine.preparing import prepare
from routing.models import AuditRecord, HistoryEntry, Node, QueueItem
from routing.queue.record import retry_for
from scripts_app.core.outcome import Outcome
from tests.builders import lua_entry, node, queue_item
from tests.routing.engine.preparing.preparation import Preparation, copies_of, item, log_lines

pytestmark = pytest.mark.django_db


def test_copies_are_items_of_their_own_that_share_the_file_and_meet_no_script(work: Preparation) -> None:
    node("AI")
    archive = node("ARCHIVE", process_delay=60_000)
    lua_entry("route:Add('AI') route:Add('ARCHIVE', function(ds) ds:Set('PatientID', 'ANON') end)")
    done = work.prepared()
    copies = copies_of(done)
    assert (done.state, done.patient_id, set(copies)) == ("Prepared", "T-1", {"AI", "ARCHIVE"})
    anonymous = copies["ARCHIVE"]
    assert (anonymous.state, anonymous.node, anonymous.patient_id) == ("Prepared", archive, "ANON")
    assert (copies["AI"].patient_id, copies["AI"].recipe) == ("T-1", None)
    assert anonymous.not_before > timezone.now() + timedelta(seconds=50)
    for copy in copies.values():
        assert (copy.received_id, copy.source_ae_title, copy.called_ae_title) == (done.id, "CT_1", "PACS")
        assert (copy.peer_address, copy.association_id, copy.size) == (
            done.peer_address,
            done.association_id,
            done.size,
        )
        assert (copy.dataset_offset, copy.transfer_syntax_uid) == (done.dataset_offset, done.transfer_syntax_uid)
        history = HistoryEntry.objects.get(item=copy)
        assert (history.event, history.from_state, history.to_state) == ("copied", "", "Prepared")
        assert history.note == f"copy of item {done.id} for {copy.destination_ae_title}"
    assert HistoryEntry.objects.get(item=done, event="prepared").note == "copies for AI, ARCHIVE"
    assert work.step() == 0


def test_a_drop_sends_nothing_and_stays_visible(work: Preparation) -> None:
    lua_entry("dataset:Set('PatientID', 'X') route:Drop()")
    done = work.prepared()
    assert (done.state, done.prepared_at, copies_of(done)) == ("Dropped", None, {})
    assert done.finished_at is not None
    assert HistoryEntry.objects.get(item=done, event="dropped").note == "route:Drop() and no copy"
    # What the scripts did to it is kept although nothing is sent.
    assert [change["new"] for change in AuditRecord.objects.get().detail["changes"]] == ["X"]


def test_a_reroute_drops_the_original_and_sends_the_copy(work: Preparation) -> None:
    node("AI")
    lua_entry("route:Add('AI') route:Drop()")
    done = work.prepared()
    assert (done.state, set(copies_of(done))) == ("Dropped", {"AI"})
    assert HistoryEntry.objects.get(item=done, event="dropped").note == "the original is not sent; copies for AI"


def test_a_copy_whose_node_is_deleted_while_the_script_runs_fails_with_its_name(
    work: Preparation, monkeypatch: pytest.MonkeyPatch
) -> None:
    node("AI")
    lua_entry("route:Add('AI') route:Drop()")

    def plan(outcome: Outcome) -> Plan:
        Node.objects.filter(ae_title="AI").delete()
        return plan_for(outcome)

    monkeypatch.setattr(prepare, "plan_for", plan)
    done = work.prepared()
    (copy,) = copies_of(done).values()
    assert (done.state, copy.state, copy.last_error) == ("Dropped", "Failed", "node AI has been deleted")
    history = HistoryEntry.objects.get(item=copy)
    assert (history.to_state, history.note) == ("Failed", f"copy of item {done.id} for AI; node AI has been deleted")


def test_an_unaddressed_image_is_routed_or_fails_but_never_vanishes(work: Preparation) -> None:
    node("AI")
    lost = work.prepared(called_ae_title="CAPACITOR")
    assert (lost.state, lost.last_error[:8]) == ("Failed", "no route")
    lua_entry("if file.destinationAeTitle == 'CAPACITOR' then route:Add('AI') end")
    routed = work.prepared(called_ae_title="CAPACITOR")
    assert (routed.state, set(copies_of(routed))) == ("Dropped", {"AI"})


def test_an_image_of_a_deleted_node_fails_with_its_name(work: Preparation) -> None:
    gone = node("GONE")
    identifier = work.image(called_ae_title="GONE")
    gone.delete()
    work.step()
    assert (item(identifier).state, item(identifier).last_error) == ("Failed", "node GONE has been deleted")


def test_a_node_that_has_the_routers_own_title_gets_what_is_sent_to_it(work: Preparation) -> None:
    # Its form refuses that; CAPACITOR_AE_TITLE may be given a title that a node has had for years.
    own = node("CAPACITOR")
    lua_entry("print(file.destinationAeTitle)")
    done = work.prepared(called_ae_title="CAPACITOR")
    assert (done.state, done.node, done.last_error) == ("Prepared", own, "")


def test_what_no_node_answered_to_goes_to_the_one_that_has_the_title_when_it_is_retried(work: Preparation) -> None:
    lost = work.image(called_ae_title="OLD")
    assert (item(lost).state, item(lost).last_error) == ("Failed", "no node answers to called AE title 'OLD'")
    retry_for(QueueItem.objects.filter(id=lost), actor="anna")
    work.step()
    # Nobody has deleted anything.
    assert (item(lost).state, item(lost).last_error) == ("Failed", "no node answers to called AE title 'OLD'")
    new = node("NEW", aliases=["OLD"])
    lua_entry("print('to ' .. file.destinationAeTitle)")
    retry_for(QueueItem.objects.filter(id=lost), actor="anna")
    work.step()
    found = item(lost)
    assert (found.state, found.node, found.destination_ae_title, found.last_error) == ("Prepared", new, "NEW", "")
    assert [text for *_, text in log_lines(found)] == ["it was for no node; OLD means node NEW now", "to NEW"]


def test_an_image_of_a_deleted_node_goes_to_the_one_that_was_made_in_its_place(work: Preparation) -> None:
    gone = node("GONE")
    identifier = work.image(called_ae_title="DCP_GONE")
    gone.delete()
    again, archive = node("GONE"), node("ARCHIVE")
    others = queue_item("Prepared", node=archive)
    work.step()
    assert (item(identifier).state, item(identifier).node) == ("Prepared", again)
    others.refresh_from_db()
    assert (others.node, others.destination_ae_title) == (archive, "ARCHIVE")


def test_of_two_images_for_nobody_each_is_told_its_own_reason(work: Preparation) -> None:
    gone = node("GONE")
    deleted, never = work.image(called_ae_title="GONE"), work.image(called_ae_title="OLD")
    gone.delete()
    retry_for(QueueItem.objects.filter(id=never), actor="anna")
    work.step()
    assert item(deleted).last_error == "node GONE has been deleted"
    assert item(never).last_error == "no node answers to called AE title 'OLD'"


def test_what_was_sent_to_the_router_itself_meets_the_scripts_also_under_its_new_title(work: Preparation) -> None:
    node("AI")
    lost = work.prepared(called_ae_title="CAPACITOR")
    assert lost.last_error[:8] == "no route"
    _rename_the_router(work, "HOSPITAL")
    lua_entry("if file.destinationAeTitle == 'HOSPITAL' then route:Add('AI') end")
    retry_for(QueueItem.objects.filter(id=lost.id), actor="anna")
    work.step()
    assert (item(lost.id).state, set(copies_of(lost))) == ("Dropped", {"AI"})


@pytest.mark.parametrize("script", ["error('retry: the study is not complete')", "error('fail: not of ours')"])
def test_what_scripts_put_off_or_failed_is_still_for_the_router_itself_when_that_has_another_title(
    work: Preparation, script: str
) -> None:
    node("AI")
    lua_entry(script)
    waiting = work.prepared(called_ae_title="CAPACITOR")
    # Twice: the second time its row has the first new title, which was never called.
    for title in ("HOSPITAL", "CLINIC"):
        _rename_the_router(work, title)
        QueueItem.objects.filter(id=waiting.id).update(state="New", not_before=timezone.now())
        work.step()
        found = item(waiting.id)
        assert (found.destination_ae_title, "deleted" in found.last_error) == (title, False)


def test_what_was_sent_on_to_a_node_is_not_for_the_router_itself_again(work: Preparation) -> None:
    gone = node("GONE")
    lua_entry("error('fail: not of ours')")
    lost = work.prepared(called_ae_title="CAPACITOR")
    HistoryEntry.objects.create(item=lost, at=timezone.now(), event="redirected", actor="anna")
    QueueItem.objects.filter(id=lost.id).update(destination_ae_title="GONE", node=gone)
    gone.delete()
    retry_for(QueueItem.objects.filter(id=lost.id), actor="anna")
    work.step()
    assert item(lost.id).last_error == "node GONE has been deleted"


def _rename_the_router(work: Preparation, title: str) -> None:
    """As after a restart with another CAPACITOR_AE_TITLE."""
    work.preparer._settings = replace(work.preparer._settings, own_ae_title=title)
    work.directory._own = title
