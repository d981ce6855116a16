"""The listening process against real senders: who may send, what is taken, how it begins and ends."""

import socket
import subprocess
from pathlib import Path

import pytest

from routing.dicom.storage_scp import ScpConfig, StorageScp
from routing.dicom.tls import WrongTlsFiles
from routing.dicom.verification import echo
from routing.engine.receiving.tls_files import TlsFiles
from routing.spool.spool import Spool
from tests.acceptance.router import dcmtk, until
from tests.files_below import files_below
from tests.routing.dicom.peers import address
from tests.routing.dicom.test_tls import certificate, requestor
from tests.routing.engine.engine import MakeEngine, stop
from tests.routing.engine.receiving.modality import Sender, image, started

SCRIPTS = """
from scripts_app.models import LuaEntry
for position, script in enumerate(sys.argv[1:]):
    LuaEntry.objects.create(script=script, position=position)
"""


@pytest.mark.fault(15)
@pytest.mark.fault(16)
@pytest.mark.fault(17)
@pytest.mark.integration
def test_known_senders_are_taken_and_everybody_else_is_refused_and_listed(make_engine: MakeEngine) -> None:
    engine = make_engine()
    listener = started(engine)
    cases = [
        ("CT_1", "PACS", "accepted"),
        ("CT_1", "DCP_PACS", "accepted"),
        ("CT_1", "OLD", "accepted"),
        ("CT_1", "WAITS", "accepted"),
        ("CT_1", "CAPACITOR", "accepted"),
        ("NEAR", "PACS", "accepted"),
        ("CT_1", "PACS2", "1 1 7"),
        ("CT_1", "OFF", "1 1 7"),
        ("STRANGER", "OFF", "1 1 7"),
        ("STRANGER", "PACS", "1 1 3"),
        ("FAR", "PACS", "1 1 3"),
    ]
    answers = []
    for calling, called, _ in cases:
        sender = Sender(engine, calling, called)
        answers.append((calling, called, sender.answer))
        sender.end()
    assert answers == cases
    refused = engine.rows("SELECT ae_title, address, called_ae_title, count FROM routing_unknownsender ORDER BY id")
    assert refused == [
        ("CT_1", "127.0.0.1", "PACS2", 1),
        ("CT_1", "127.0.0.1", "OFF", 1),
        ("STRANGER", "127.0.0.1", "PACS", 1),
        ("FAR", "127.0.0.1", "PACS", 1),
    ]
    assert "called AE title 'PACS2' means no node; nearest is 'PACS'" in engine.said()
    assert "called AE title 'OFF' means a disabled node" in engine.said()
    assert stop(listener) == 0
    assert engine.rows("SELECT count(*) FROM routing_serviceprocess") == [(0,)]


@pytest.mark.integration
def test_everybody_may_send_when_the_setting_says_so(make_engine: MakeEngine) -> None:
    engine = make_engine(CAPACITOR_ACCEPT_UNKNOWN_SENDERS="1")
    started(engine)
    assert [Sender(engine, "STRANGER", called).answer for called in ("PACS", "PACS2")] == ["accepted", "1 1 7"]


@pytest.mark.integration
def test_dcmtks_echo_and_store_end_up_in_the_queue_with_their_origin(make_engine: MakeEngine) -> None:
    engine = make_engine()
    started(engine)
    address = ["-aet", "CT_1", "-aec", "PACS", "127.0.0.1", str(engine.port)]
    assert subprocess.run([dcmtk("echoscu"), *address]).returncode == 0
    path = engine.folder / "image.dcm"
    image().save_as(path, enforce_file_format=True)
    assert subprocess.run([dcmtk("storescu"), *address, str(path)], env=engine.environment).returncode == 0
    until(lambda: engine.states() == {"New": 1}, 20, "the row follows")
    columns = "source_ae_title", "called_ae_title", "peer_address", "destination_ae_title", "patient_id"
    ((identifier,),) = engine.rows("SELECT id FROM routing_queueitem")
    assert engine.item(identifier, *columns) == ("CT_1", "PACS", "127.0.0.1", "PACS", "CANARYID")


@pytest.mark.integration
def test_below_the_free_space_mark_images_are_refused_and_nothing_is_left(make_engine: MakeEngine) -> None:
    engine = make_engine(CAPACITOR_MIN_FREE_MIB="999999999")
    started(engine)
    sender = Sender(engine)
    assert sender.store() == 0xA700
    sender.end()
    assert "spool has no room: images are refused with 0xA700" in engine.said()
    assert [path.name for path in files_below(engine.spool.root)] == [".spool"]


@pytest.mark.integration
def test_without_scripts_an_image_needs_no_preparing_process(make_engine: MakeEngine) -> None:
    engine = make_engine()
    listener = started(engine)
    engine.python("from scripts_app.models import LuaEntry; LuaEntry.objects.update(enabled=False)")
    sender = Sender(engine)
    assert sender.store() == 0
    sender.end()
    until(lambda: engine.states() == {"Prepared": 1}, 20, "the row follows")
    assert stop(listener) == 0


@pytest.mark.integration
def test_while_the_database_is_locked_images_are_taken_and_queued_later(make_engine: MakeEngine) -> None:
    engine = make_engine()
    started(engine)
    first = Sender(engine)
    with engine.database_locked():
        second = Sender(engine)
        assert [first.store(1), second.store(2)] == [0, 0]
        assert engine.states() == {}
    until(lambda: engine.states() == {"New": 2}, 60, "the rows follow")
    first.end()
    second.end()


@pytest.mark.integration
def test_a_stop_writes_the_last_rows_and_leaves_no_trace(make_engine: MakeEngine) -> None:
    engine = make_engine()
    listener = started(engine)
    sender = Sender(engine)
    assert sender.store() == 0
    sender.end()
    assert stop(listener) == 0
    assert engine.states() == {"New": 1}
    assert list((engine.folder / "run").glob("*.presence")) == []


@pytest.mark.fault(22)
@pytest.mark.integration
def test_a_taken_port_ends_the_listener_with_a_sentence(make_engine: MakeEngine) -> None:
    engine = make_engine()
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", engine.port))
        taken.listen()
        listener = engine.start("dicom_listener")
        assert listener.wait(60) == 1
    assert str(engine.port) in engine.said()
    assert "Traceback" not in engine.said()


@pytest.mark.parametrize("wrong", ["missing.pem", "text.pem"])
def test_tls_files_that_cannot_be_used_are_named_with_their_setting(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "text.pem").write_text("no certificate")
    with pytest.raises(WrongTlsFiles, match=f"CAPACITOR_TLS_CERTIFICATE='.*{wrong}'"):
        TlsFiles(str(tmp_path / wrong), "", "")


@pytest.mark.integration
def test_renewed_tls_files_count_for_the_next_sender_and_broken_ones_end_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "capacitor.listener")
    first, second = certificate(tmp_path / "first"), certificate(tmp_path / "second")
    before, after = certificate(tmp_path / "before", name="CT"), certificate(tmp_path / "after", name="CT")
    used, clients = (tmp_path / "used.pem", tmp_path / "used.key"), tmp_path / "clients.pem"

    def put(source: Path, to: Path) -> None:
        (tmp_path / "new").write_bytes(source.read_bytes())
        (tmp_path / "new").replace(to)

    for source, to in ((first[0], used[0]), (first[1], used[1]), (before[0], clients)):
        put(source, to)
    files = TlsFiles(str(used[0]), str(used[1]), str(clients))
    scp = StorageScp(
        ScpConfig(host="127.0.0.1", port=0, tls=files),
        admit=lambda _: None,
        spool=Spool(tmp_path / "spool", "none"),
        new_id=lambda: 1,
        stored=lambda _: None,
        has_room=lambda: True,
        fatal=lambda _: None,
    )
    port = scp.start()

    def answers(server: tuple[Path, Path], client: tuple[Path, Path]) -> bool:
        return echo(address(port, tls=requestor(server[0], client))).ok

    try:
        assert answers(first, before) and not answers(second, before) and not answers(first, after)
        put(second[0], used[0])
        assert answers(first, before)
        put(second[1], used[1])
        put(after[0], clients)
        assert answers(second, after) and not answers(first, after) and not answers(second, before)
        used[1].unlink()
        assert answers(second, after) and answers(second, after)
    finally:
        scp.stop()
    told = [record.getMessage() for record in caplog.records if record.name == "capacitor.listener"]
    assert [("the last ones stay in force" in line, "read anew" in line) for line in told] == [
        (True, False),
        (False, True),
        (True, False),
    ]


@pytest.mark.integration
def test_no_patient_is_in_any_log_of_listener_and_preparing(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.python(
        SCRIPTS,
        "dataset:Set('PatientName', dataset:Get('PatientName') .. 'X') error('CANARYNAME oops')",
        "if dataset:Get('SOPInstanceUID') == '1.2.3.2' then error('fail: CANARYID') end",
    )
    listener = started(engine)
    worker = engine.worker("prepare", "housekeep")
    sender = Sender(engine)
    assert [sender.store(number) for number in (1, 2)] == [0, 0]
    sender.end()
    until(lambda: engine.states() == {"Prepared": 1, "Failed": 1}, 60, "prepared")
    assert [stop(process) for process in (worker, listener)] == [0, 0]
    assert engine.rows("SELECT count(*) FROM routing_itemlogline WHERE text LIKE '%CANARYNAME%'") == [(2,)]
    everything = engine.said() + engine.logs() + str(engine.rows("SELECT message FROM routing_applicationlogline"))
    assert "listener" in {path.stem for path in (engine.folder / "logs").iterdir()}
    assert "CANARY" not in everything
