"""
The queue's pages over a million items in PostgreSQL, and which of them read a table without an index.

    python -m tests.pages.million_postgresql [ITEMS]

starts a server of its own in a temporary folder, fills it, and writes a table
in Markdown to stdout.  Figures of one machine; no test.
"""

import os
import subprocess
import sys
import tempfile

from tests.pages import million
from tests.postgresql import cluster

WORDS = (
    ("strftime('%Y-%m-%d %H:%M:%f', '2026-04-08', '+' || (n / 10) || ' seconds')", "{moment}"),
    ("{moment}", "timestamptz '2026-04-08 00:00+00' + n / 10 * interval '1 second'"),
    (", n % 1000 BETWEEN 10 AND 35,", ", (n % 1000 BETWEEN 10 AND 35)::int,"),
    (", 0, moment, moment, moment,", ", false, moment, moment, moment,"),
    ("SELECT 0 UNION ALL", "SELECT 0::bigint UNION ALL"),
    ("'{\"0010,0020\": \"HOSP-' || n || '\"}'", "('{\"0010,0020\": \"HOSP-' || n || '\"}')::jsonb"),
    ("%", "%%"),
    ("?", "%s"),
)
"""What the two databases say differently in the rows of ``million``."""


def fill(items: int) -> None:
    from django.db import connection

    from routing.models import Node

    for number, title in enumerate(("PACS", "RESEARCH", "AI_SERVER"), start=1):
        Node.objects.create(pk=number, ae_title=title)
    with connection.cursor() as cursor:
        for rows in (million.ROWS, million.LOG, million.AUDIT):
            for old, new in WORDS:
                rows = rows.replace(old, new)
            cursor.execute(rows, [items])
        for table in ("routing_applicationlogline", "routing_auditrecord", "routing_node"):
            # Rows came with their ids, of which the sequence knows nothing.
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
        cursor.execute("ANALYZE")


def scans(address: str) -> str:
    """Tables of items or lines that a page reads without an index; most end at their limit."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tests.pages.people import visitor

    client, found = visitor("operator", phi=True), []
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    for query in queries.captured_queries:
        if query["sql"].startswith("SELECT"):
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN " + query["sql"].replace("%", "%%"))
                lines = [row[0].strip().removeprefix("-> ") for row in cursor.fetchall()]
            large = ("routing_queueitem", "routing_applicationlogline", "routing_auditrecord")
            found += [line for line in lines if "Seq Scan on" in line and any(table in line for table in large)]
    return "; ".join(sorted({line.split("(")[0].strip() for line in found}))


def main(items: int) -> None:
    with cluster() as server, tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "CAPACITOR_DATA_DIR": folder,
            "DATABASE_URL": server.url,
            "DJANGO_SETTINGS_MODULE": "capacitor_web.settings",
        }
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=million.ROOT, check=True)
        import django

        django.setup()
        from django.conf import settings

        settings.ALLOWED_HOSTS = ["*"]
        fill(items)
        print("| Page | ms by the clock | ms of processor here | Without an index |\n| --- | ---: | ---: | --- |")
        addresses = {name: f"/queue/?{query}" for name, query in million.PAGES.items()} | million.OTHERS
        for name, address in addresses.items():
            median, busy, _ = million.ask(address, 3)
            print(f"| {name} | {median:.0f} | {busy:.0f} | {scans(address)} |", flush=True)
        from django.db import connection

        connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else million.ITEMS)
