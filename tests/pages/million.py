"""
The queue's pages over a million items: how long each takes, and by which index.

    python -m tests.pages.million FOLDER [ITEMS]

makes the database in FOLDER by SQL unless it is there, asks every page a few
times, and writes tables in Markdown to stdout.  Figures of one machine; no test.
"""

import os
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ITEMS = 1_000_000
STATES = """
    CASE WHEN n % 1000 < 3 THEN 'New' WHEN n % 1000 < 10 THEN 'Prepared' WHEN n % 1000 < 30 THEN 'Failed'
         WHEN n % 1000 < 34 THEN 'Rejected' WHEN n % 1000 < 36 THEN 'Expired' WHEN n % 1000 < 60 THEN 'Dropped'
         ELSE 'Delivered' END
"""
DESTINATION = "CASE WHEN n % 10 < 7 THEN 'PACS' WHEN n % 10 < 9 THEN 'RESEARCH' ELSE 'AI_SERVER' END"
ERROR = """
    CASE WHEN n % 1000 BETWEEN 10 AND 35 THEN
        CASE n % 3 WHEN 0
                   THEN 'gave up after ' || (n % 7 + 2) || ' attempts: 0xA700 (Failure: Refused: Out of Resources)'
                   WHEN 1 THEN 'no match for ''P-' || (n / 200) || ''' in libs/check.lua:14'
                   ELSE 'no connection to PACS at 192.0.2.30 port 104: connection refused' END
    ELSE '' END
"""
# Ten images a second: an identifier is microseconds since 2025, shifted by ten bits (routing/core/identifiers.py).
FIRST, STEP = 40_000_000_000_000 << 10, 100_000 << 10
ROWS = f"""
    WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?)
    INSERT INTO routing_queueitem (
        id, received_id, state, source_ae_title, called_ae_title, peer_address, association_id, destination_ae_title,
        node_id, sop_class_uid, sop_instance_uid, study_instance_uid, series_instance_uid, modality, patient_id,
        patient_name, accession_number, transfer_syntax_uid, size, dataset_offset, recipe, prepared_file, lease_owner,
        pending_state, not_before, prepare_starts, attempt_count, last_error, warning, created_at, updated_at,
        prepared_at, finished_at
    ) SELECT
        {FIRST} + n * {STEP}, {FIRST} + n * {STEP}, {STATES}, 'CT_' || (n / 200 % 20), 'PACS', '192.0.2.1',
        'association-' || (n / 100), {DESTINATION}, CASE WHEN n % 10 < 7 THEN 1 WHEN n % 10 < 9 THEN 2 ELSE 3 END,
        '1.2.840.10008.5.1.4.1.1.2', '1.2.826.0.1.3680043.8.498.' || (n / 200) || '.' || (n / 50) || '.' || n,
        '1.2.826.0.1.3680043.8.498.' || (n / 200), '1.2.826.0.1.3680043.8.498.' || (n / 200) || '.' || (n / 50),
        CASE n / 200 % 50 WHEN 0 THEN 'MG' WHEN 1 THEN 'US' ELSE 'CT' END, 'P-' || (n / 200),
        'TEST' || (n / 200 % 977) || '^ANNA', 'A' || (n / 200), '1.2.840.10008.1.2.1', 500000 + n * 7919 % 90000, 342,
        NULL, '', '', '', moment, 0, n % 1000 BETWEEN 10 AND 35, {ERROR}, 0, moment, moment, moment,
        CASE WHEN n % 1000 >= 36 THEN moment END
    FROM (
        SELECT n, strftime('%Y-%m-%d %H:%M:%f', '2026-04-08', '+' || (n / 10) || ' seconds') AS moment FROM numbers
    ) AS timed
"""
LOG = """
    WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?)
    INSERT INTO routing_applicationlogline (id, at, level, process, logger, message) SELECT
        n + 1, strftime('%Y-%m-%d %H:%M:%f', '2026-04-08', '+' || (n / 10) || ' seconds'),
        CASE WHEN n % 5000 = 0 THEN 'ERROR' WHEN n % 50 = 0 THEN 'WARNING' ELSE 'INFO' END,
        'listener 4711', 'capacitor.dicom', CASE n % 10
            WHEN 0 THEN 'node PACS failed ' || n || ' times in a row: no connection'
            WHEN 1 THEN '[lua] seen ' || n
            ELSE 'association ' || n || ' from CT_' || (n % 20) || ' at 192.0.2.11: 64 instances' END
    FROM numbers
"""
AUDIT = """
    WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?)
    INSERT INTO routing_auditrecord (id, at, actor, action, object, node_id, detail) SELECT
        n + 1, strftime('%Y-%m-%d %H:%M:%f', '2026-04-08', '+' || (n / 10) || ' seconds'),
        CASE WHEN n % 5000 = 0 THEN 'olga' ELSE 'worker' END, CASE WHEN n % 5000 = 0 THEN 'change node' ELSE 'Set' END,
        CASE WHEN n % 5000 = 0 THEN 'PACS' ELSE 'item ' || n END, CASE WHEN n % 5000 = 0 THEN 1 END,
        '{"0010,0020": "HOSP-' || n || '"}'
    FROM numbers
"""
LAST_STUDY = "1.2.826.0.1.3680043.8.498.4999"
MIDDLE = FIRST + 500_000 * STEP
PAGES = {
    "all": "",
    **{
        state: f"state={state}"
        for state in ("New", "Prepared", "Failed", "Rejected", "Expired", "Delivered", "Dropped")
    },
    "an older page": f"before={FIRST + 500_000 * STEP}",
    "destination": "destination=PACS",
    "rare destination, Failed": "destination=AI_SERVER&state=Failed",
    "destination without items": "destination=NOWHERE",
    "source": "source=CT_7",
    "source without items": "source=CT_99",
    "rare modality": "modality=MG",
    "study": f"study={LAST_STUDY}",
    "series": f"series={LAST_STUDY}.19999",
    "patient": "patient=P-17",
    "accession number": "accession=A17",
    "search: a whole patient ID": "q=P-17",
    "search: an item": f"q={FIRST + 17 * STEP}",
    "search: part of a name": "q=TEST17",
    "search: nothing found": "q=nowhere to be found",
    "one hour": "since=2026-04-08T10:00&until=2026-04-08T11:00",
    "one hour and modality": "since=2026-04-08T10:00&until=2026-04-08T11:00&modality=MG",
    "script version without items": "version=99",
    "by size": "sort=-size",
    "Delivered by change": "sort=-changed&state=Delivered",
    "Failed by attempts": "sort=-attempts&state=Failed",
}

LOG_FILTERS = {
    "": "",
    ", an older page": "?before=500000",
    ": text": "?q=olga",
    ": text that nobody wrote": "?q=nowhere",
    ": node": "?node=PACS",
    ": warnings": "?level=WARNING",
    ": nothing of that level": "?level=CRITICAL",
    ": one hour": "?since=2026-04-08T10:00&until=2026-04-08T11:00",
    ": one hour and text": "?since=2026-04-08T10:00&until=2026-04-08T11:00&q=nowhere",
    ": all but the last hour": "?until=2026-04-09T02:00",
}

TABS = ("", "New", "Prepared", "Failed", "Rejected", "Expired", "Delivered", "Dropped")
FILTERS = {
    "none": "",
    "destination": "destination=PACS",
    "source": "source=CT_7",
    "modality": "modality=MG",
    "study": f"study={LAST_STUDY}",
    "series": f"series={LAST_STUDY}.19999",
    "patient ID": "patient=P-17",
    "accession number": "accession=A17",
    "search, part of a name": "q=TEST17",
    "search, nothing found": "q=nowhere to be found",
    "received from, before": "since=2026-04-08T10:00&until=2026-04-08T11:00",
    "script version": "version=99",
    "cause of failure": "error={cause}",
    "destination and modality": "destination=RESEARCH&modality=US",
}
"""Every field of the filter, for each tab."""
CAUSE = "no connection to PACS at 192.0.2.30 port 104: connection refused"

OTHERS = {
    "failures by cause": "/failures/",
    "studies": "/studies/",
    "studies, an older page": f"/studies/?before={MIDDLE}",
    "studies: a UID": f"/studies/?q={LAST_STUDY}",
    "studies: a patient ID": "/studies/?q=P-17",
    "studies: part of a name": "/studies/?q=ANNA",
    "studies: a name that nobody has": "/studies/?q=NOBODY",
    "studies: one day": "/studies/?since=2026-04-08&until=2026-04-08",
    "one study": f"/studies/{LAST_STUDY}/",
    "one item": f"/queue/{MIDDLE}/",
    "one item, with the neighbours of a filter": f"/queue/{MIDDLE}/?state=Failed&destination=PACS",
    "one item, with the neighbours of a search": f"/queue/{MIDDLE}/?q=ANNA",
    "dashboard": "/",
    "traffic": "/traffic/",
    **{
        f"{name} log{words}": f"/logs/{path}{query}"
        for name, path in (("application", ""), ("audit", "audit/"))
        for words, query in LOG_FILTERS.items()
    },
}


def make(database: Path, items: int) -> float:
    """Fill a migrated database; how many seconds the rows took."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA synchronous=OFF")
    for number, title in enumerate(("PACS", "RESEARCH", "AI_SERVER"), start=1):
        from routing.models import Node

        Node.objects.create(pk=number, ae_title=title)
    began = time.perf_counter()
    for rows in (ROWS, LOG, AUDIT):
        connection.execute(rows, [items])
    connection.commit()
    connection.close()
    return time.perf_counter() - began


def ask(address: str, times: int = 7) -> tuple[float, float, int]:
    """Medians of several requests in milliseconds, by the clock and of processor time; and the number of queries."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tests.pages.people import visitor

    client = visitor("operator", phi=True)
    took, busy = [], []
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
        number = len(queries)
    for _ in range(times):
        began, worked = time.perf_counter(), time.process_time()
        answer = client.get(address)
        took.append((time.perf_counter() - began) * 1000)
        busy.append((time.process_time() - worked) * 1000)
        assert answer.status_code == 200, address
    return statistics.median(took), statistics.median(busy), number


def plans(address: str) -> list[str]:
    """How SQLite finds what a page asks of the queue."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tests.pages.people import visitor

    client = visitor("operator", phi=True)
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    steps = []
    for query in queries.captured_queries:
        if '"routing_queueitem"' in query["sql"] and query["sql"].startswith("SELECT"):
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}".replace("%", "%%"))
                steps += [row[3] for row in cursor.fetchall() if row[3].startswith(("SCAN", "SEARCH", "USE TEMP"))]
    return list(dict.fromkeys(steps))


def main(folder: Path, items: int) -> None:
    os.environ |= {"CAPACITOR_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "capacitor_web.settings"}
    (folder / "spool").mkdir(parents=True, exist_ok=True)
    fresh = not (folder / "capacitor.sqlite3").exists()
    if fresh:
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, check=True)
    import django

    django.setup()
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["*"]
    if fresh:
        print(f"{items} rows made in {make(folder / 'capacitor.sqlite3', items):.1f} s\n")
    print("| Page | ms by the clock | ms of processor | Queries |\n| --- | ---: | ---: | ---: |")
    addresses = {name: f"/queue/?{query}" for name, query in PAGES.items()} | OTHERS
    for name, address in addresses.items():
        median, busy, queries = ask(address)
        print(f"| {name} | {median:.0f} | {busy:.0f} | {queries} |", flush=True)
    from routing.forms.queue_filter import cause_of

    print("\nMilliseconds of processor for each tab with each filter:\n")
    print(f"| Filter | {' | '.join(tab or 'All' for tab in TABS)} |\n| --- |{' ---: |' * len(TABS)}")
    for name, query in FILTERS.items():
        chosen = query.format(cause=cause_of(CAUSE))
        told = [f"{ask(f'/queue/?state={tab}&{chosen}', 3)[1]:.0f}" for tab in TABS]
        print(f"| {name} | {' | '.join(told)} |", flush=True)
    if "--plans" in sys.argv:
        for name, address in addresses.items():
            print(f"\n{name}: {address}")
            for step in plans(address):
                print(f"    {step}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]) if sys.argv[2:3] and sys.argv[2].isdecimal() else ITEMS)
