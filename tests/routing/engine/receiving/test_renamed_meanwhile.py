"""An association goes on while its node gets another AE title: each of its images is for the node all the same."""

from itertools import count

import pytest

from routing.engine.directory import Directory, read_snapshot
from routing.engine.receiving.receive import enqueue, instance_in
from routing.models import HistoryEntry, Node, QueueItem
from routing.spool.spool import Spool
from tests.acceptance.router import until
from tests.builders import node, received
from tests.routing.engine.engine import ADOPT, Engine, MakeEngine
from tests.routing.engine.receiving.modality import Sender, killed_before_the_rows, started

RENAME = """
from routing.models import Node
from routing.nodes.renamed import bring_along
pacs = Node.objects.get(ae_title="PACS")
pacs.ae_title = "ARCHIVE"
pacs.aliases = []
pacs.save()
bring_along(pacs.pk, actor="boss")
"""


def rename(engine: Engine) -> None:
    """Until the listener knows: nobody else may call by the old title."""
    engine.python(RENAME)

    def refused() -> bool:
        other = Sender(engine)
        answer = other.answer
        other.end()
        return answer == "1 1 7"

    until(refused, 20, "the old title is refused")


@pytest.mark.integration
def test_what_an_open_association_sends_after_the_renaming_goes_to_the_node(make_engine: MakeEngine) -> None:
    """Each of these images ended as Failed until somebody gave the node its old title back as an alias."""
    engine = make_engine()
    started(engine)
    sender = Sender(engine)
    assert sender.store(1) == 0
    until(lambda: engine.states() == {"New": 1}, 20, "the row follows")
    rename(engine)
    told = (
        "SELECT count(*) FROM routing_historyentry WHERE note = 'accepted for the node that was called ''PACS'' then'"
    )
    numbers = count(2)

    def comes_for_the_new_title() -> bool:
        # The row writer may know the old one for a second more; housekeeping corrects what it writes meanwhile.
        assert sender.store(next(numbers)) == 0
        return bool(engine.rows(told)[0][0])

    until(comes_for_the_new_title, 20, "the row writer knows the new title")
    sender.end()
    found = engine.rows("SELECT DISTINCT state, called_ae_title, node_id IS NOT NULL FROM routing_queueitem")
    assert found == [("New", "PACS", 1)]
    assert ("ARCHIVE",) in engine.rows("SELECT DISTINCT destination_ae_title FROM routing_queueitem")


@pytest.mark.integration
def test_so_it_is_after_a_kill_before_the_row(make_engine: MakeEngine) -> None:
    engine = make_engine()
    killed_before_the_rows(engine)
    engine.python(RENAME)
    engine.python(ADOPT)
    assert engine.rows("SELECT state, destination_ae_title FROM routing_queueitem") == [("New", "ARCHIVE")]


def renamed(spool: Spool, called: str) -> QueueItem:
    """The row of an image of an association for PACS, made from its file after PACS became ARCHIVE."""
    pacs = node("PACS")
    carried = read_snapshot("CAPACITOR", "DCP_").accepted_for(called)
    instance = received(spool, called_ae_title=called, accepted_for=carried)
    Node.objects.filter(pk=pacs.pk).update(ae_title="ARCHIVE")
    return row_of(spool, instance.id)


def row_of(spool: Spool, identifier: int, *, by_title: bool = False) -> QueueItem:
    directory = Directory("CAPACITOR", "DCP_", age=0, by_title=by_title)
    enqueue([instance_in(spool.path(identifier), identifier)], spool, directory, actor="listener")
    return QueueItem.objects.get(id=identifier)


@pytest.mark.django_db
@pytest.mark.parametrize("called", ["PACS", "DCP_PACS"])
def test_its_history_says_why_it_is_for_a_node_of_another_title(spool: Spool, called: str) -> None:
    item = renamed(spool, called)
    assert (item.state, item.destination_ae_title) == ("New", "ARCHIVE")
    assert HistoryEntry.objects.get(item=item).note == f"accepted for the node that was called {called!r} then"


@pytest.mark.django_db
def test_it_is_not_for_another_node_that_has_got_the_title_meanwhile(spool: Spool) -> None:
    pacs, other = node("PACS"), node("OTHER")
    carried = read_snapshot("CAPACITOR", "DCP_").accepted_for("PACS")
    instance = received(spool, called_ae_title="PACS", accepted_for=carried)
    Node.objects.filter(pk=pacs.pk).update(ae_title="ARCHIVE")
    Node.objects.filter(pk=other.pk).update(ae_title="PACS")
    assert row_of(spool, instance.id).node == pacs


@pytest.mark.django_db
@pytest.mark.parametrize("database", ["20200101000000000000", ""])
def test_the_number_of_a_node_in_another_database_says_nothing(spool: Spool, database: str) -> None:
    """Files of another installation, or of a database that was lost: there the number was another node's."""
    stranger = node("STRANGER")
    instance = received(spool, called_ae_title="PACS", accepted_for=f"{stranger.pk}@{database}")
    item = row_of(spool, instance.id)
    assert (item.state, item.node) == ("Failed", None)


@pytest.mark.django_db
def test_a_node_that_was_made_anew_gets_what_was_accepted_for_it(spool: Spool) -> None:
    pacs = node("PACS")
    carried = read_snapshot("CAPACITOR", "DCP_").accepted_for("PACS")
    pacs.delete()
    anew = node("PACS")
    assert row_of(spool, received(spool, accepted_for=carried).id).node == anew


@pytest.mark.django_db
def test_recovery_goes_by_the_titles_alone(spool: Spool) -> None:
    """What a backup does not know is imported anew, and gets other numbers."""
    stranger, pacs = node("STRANGER"), node("PACS")
    carried = read_snapshot("CAPACITOR", "DCP_").accepted_for("STRANGER")
    instance = received(spool, called_ae_title="PACS", accepted_for=carried)
    assert row_of(spool, instance.id, by_title=True).node == pacs
    assert stranger.items.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("called", ["CAPACITOR", "NOBODY"])
def test_what_is_for_no_node_carries_none(called: str) -> None:
    assert read_snapshot("CAPACITOR", "DCP_").accepted_for(called) == ""
