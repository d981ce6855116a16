"""The demo's parts work together, and never touch what people have made."""

from collections.abc import Iterator
from datetime import datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from pydicom import dcmread
from pydicom.uid import UltrasoundMultiFrameImageStorage

from routing.demo.destination import SAMPLES, Behaviour, SampleDestination, run
from routing.demo.images import MODALITIES, Request, encoded, study
from routing.demo.install import NODES, SAMPLE, SENDERS, install
from routing.demo.modality import Router, sample_request, send_study
from routing.dicom.storage_scp import CannotListen
from routing.models import KnownSender, Node
from routing.processes.stop_flag import StopFlag
from scripts_app.loader import current, from_directory
from scripts_app.models import LuaEntry

NOON = datetime(2026, 11, 20, 12)


@pytest.fixture
def destination(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[SampleDestination, Router]]:
    """A sample destination with the behaviour that the test is parametrised with."""
    behaviour: Behaviour = getattr(request, "param", Behaviour("PACS"))
    one = SampleDestination(behaviour, tmp_path, keep=3)
    port = one.start()
    try:
        yield one, Router("127.0.0.1", port, behaviour.ae_title)
    finally:
        one.stop()


@pytest.mark.django_db
def test_samples_are_made_once() -> None:
    assert install(11122)
    assert set(Node.objects.values_list("ae_title", flat=True)) == set(NODES)
    assert set(KnownSender.objects.values_list("ae_title", flat=True)) == set(SENDERS)
    assert len(current().entries) == LuaEntry.objects.filter(enabled=True).count() > 5
    assert install(11122) == []


@pytest.mark.django_db
def test_what_people_changed_stays_and_only_ports_follow() -> None:
    install(11122)
    Node.objects.filter(ae_title="PACS").update(paused=True)
    LuaEntry.objects.all().delete()
    assert install(21122) == [f"change  node {title}: Port {port}" for port, title in enumerate(NODES, start=21122)]
    assert Node.objects.get(ae_title="PACS").paused
    assert not LuaEntry.objects.exists()


@pytest.mark.django_db
def test_a_router_that_is_in_use_gets_no_sample_nodes_and_scripts() -> None:
    Node.objects.create(ae_title="PACS", description="the real one", port=104)
    out = StringIO()
    call_command("demo_data", "--first-port", "11122", stdout=out)
    assert Node.objects.get().port == 104
    assert not LuaEntry.objects.exists()
    assert "node" not in out.getvalue()


def test_sample_nodes_and_sample_destinations_are_the_same() -> None:
    assert tuple(behaviour.ae_title for behaviour in SAMPLES) == NODES


def test_the_sample_directory_has_no_mistakes() -> None:
    scripts = from_directory(SAMPLE)
    assert {"libs/phi.lua", "libs/stations.lua", "scripts/route-ai.lua"} == set(scripts.libraries)


def test_a_destination_takes_a_study_as_it_was_sent(destination: tuple[SampleDestination, Router]) -> None:
    pacs, router = destination
    request = Request("MG", "seed", NOON)
    results = send_study(router, request, StopFlag())
    assert results is not None and [result.status for result in results] == [0, 0, 0, 0]
    last = pacs.stored[-1]
    assert last.calling_ae_title == "DEMO_MG"
    assert pacs.path(last).read_bytes()[last.dataset_offset :] == encoded(study(request)[-1])[1]


def test_only_the_last_images_are_kept(destination: tuple[SampleDestination, Router], tmp_path: Path) -> None:
    pacs, router = destination
    send_study(router, Request("MR", "seed", NOON), StopFlag())
    assert len(list(tmp_path.rglob("*.dcm"))) == len(pacs.stored) == 3
    assert dcmread(pacs.path(pacs.stored[-1])).file_meta.TransferSyntaxUID.name == "RLE Lossless"


@pytest.mark.parametrize(
    "destination",
    [Behaviour("LONG_TERM", rejected_sop_classes=frozenset({UltrasoundMultiFrameImageStorage}), full_every=2)],
    indirect=True,
)
def test_a_destination_may_refuse_a_kind_of_image_and_be_full(destination: tuple[SampleDestination, Router]) -> None:
    results = send_study(destination[1], Request("US", "seed", NOON), StopFlag())
    assert results is not None
    assert [result.status for result in results] == [0x0000, 0xA700, None]
    assert results[2].refused_context


def test_a_destination_called_by_another_name_refuses(destination: tuple[SampleDestination, Router]) -> None:
    wrong = Router("127.0.0.1", destination[1].port, "OTHER")
    assert send_study(wrong, Request("CT", "seed", NOON), StopFlag()) is None


def test_a_taken_port_is_named_and_everything_started_is_stopped(
    destination: tuple[SampleDestination, Router], tmp_path: Path
) -> None:
    taken = destination[1].port
    with pytest.raises(CannotListen, match=str(taken)):
        run(tmp_path / "more", taken, StopFlag())


def test_every_kind_of_study_comes_and_some_lack_an_accession_number() -> None:
    requests = [sample_request(MODALITIES[n % 4], n + 1, NOON, str(n)) for n in range(24)]
    assert {request.modality for request in requests} == set(MODALITIES)
    nameless = [request for request in requests if request.accession_number == ""]
    assert len(nameless) == 2 and {request.modality for request in nameless} == {"US"}
