"""What nobody needs in the spool is swept: unfinished files, and prepared ones that no row names or will name."""

import os
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from routing.core.identifiers import first_at
from routing.engine.housekeeping.retention import sweep
from routing.models import OperatorAction, QueueItem
from routing.operating.operator_actions import Action, perform
from routing.operating.undo import undo
from tests.routing.engine.housekeeping import kept as keeping
from tests.routing.engine.housekeeping.kept import DAY, Kept

pytestmark = pytest.mark.django_db

kept = keeping.kept


def test_leftovers_of_killed_writers_are_swept_and_named_files_stay(kept: Kept) -> None:
    item = kept.item("Prepared")
    named, lost, young = (kept.prepared_file(item) for _ in range(3))
    item.prepared_file = named
    item.save()
    part = kept.spool.path(item.id).with_suffix(".dcm.part")
    part.write_bytes(b"half")
    draft = kept.files.folder / "1-aaaa.part"
    draft.write_bytes(b"half")
    for path in (part, draft, kept.files.path(named), kept.files.path(lost)):
        os.utime(path, (1, 1))
    assert sweep(kept.spool, kept.files) == 3
    assert {path.name for path in kept.files.folder.iterdir()} == {named, young}
    assert kept.has(item)
    assert not part.exists()


def test_what_was_written_to_within_the_hour_is_somebodys_work_and_stays(kept: Kept) -> None:
    item = kept.item("Prepared")
    part, draft = kept.spool.path(item.id).with_suffix(".dcm.part"), kept.files.folder / "1-aaaa.part"
    made = kept.files.path(kept.prepared_file(item))
    young, before = (kept.spool.path(first_at(timezone.now() - age)).parent for age in (0.8 * DAY, 3 * DAY))
    for folder in (young, before):
        folder.mkdir(parents=True, exist_ok=True)
    lately = time.time() - 3500
    for path in (part, draft, made):
        path.write_bytes(b"half")
        os.utime(path, (lately, lately))
    assert sweep(kept.spool, kept.files) == 0
    assert all(path.exists() for path in (part, draft, made, young))
    assert not before.exists()


def test_a_file_that_was_made_for_an_image_in_transfer_is_not_swept(kept: Kept) -> None:
    """Its row names it when the image is through: over a slow line that takes longer than a leftover may lie there."""
    item = kept.item("Prepared", lease_owner="host:1:test")
    made = kept.files.path(kept.prepared_file(item))
    foreign = kept.files.folder / f"{10**30}-0-0.dcm"
    foreign.touch()
    for path in (made, foreign):
        os.utime(path, (1, 1))
    assert sweep(kept.spool, kept.files) == 1
    assert made.exists()
    QueueItem.objects.update(lease_owner="")
    assert sweep(kept.spool, kept.files) == 1
    assert not made.exists()


def test_a_file_that_undo_would_bring_back_into_use_is_not_swept(kept: Kept) -> None:
    item = kept.item("Rejected", prepared_at=timezone.now())
    item.prepared_file = kept.prepared_file(item)
    item.save()
    made = kept.files.path(item.prepared_file)
    os.utime(made, (1, 1))
    done = perform(Action.PREPARE_AGAIN, [item.id], actor="olga", scope="one item")
    assert sweep(kept.spool, kept.files) == 0
    assert undo(done) == 1
    item.refresh_from_db()
    assert (item.state, kept.files.path(item.prepared_file).exists()) == ("Rejected", True)

    perform(Action.PREPARE_AGAIN, [item.id], actor="olga", scope="one item")
    OperatorAction.objects.update(undo_until=timezone.now() - timedelta(minutes=1))
    assert sweep(kept.spool, kept.files) == 1
    assert not made.exists()
