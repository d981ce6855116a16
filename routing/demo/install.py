"""Sample nodes, senders and scripts for a first look."""

from __future__ import annotations

from pathlib import Path

from django.db import transaction

from routing.configuration.apply import import_directory
from routing.demo.images import MODALITIES
from routing.models import KnownSender, Node
from scripts_app.models import LuaEntry

SAMPLE = Path(__file__).parent / "sample"
"""A configuration directory like any other: import_config takes it, too."""
NODES = ("PACS", "AI_SERVER", "RESEARCH", "LONG_TERM")
"""In the order of their ports."""
SENDERS = tuple(f"DEMO_{modality}" for modality in MODALITIES)


@transaction.atomic
def install(first_port: int) -> list[str]:
    """
    Make the samples where there is nothing yet; answer what was done, one line each.

    Nodes and scripts that people have made or changed are never touched; only
    the sample nodes follow ``first_port``.
    """
    done = []
    if not Node.objects.exists() and not LuaEntry.objects.exists():
        done += [str(step) for step in import_directory(SAMPLE, actor="demo_data").steps]
    for port, ae_title in enumerate(NODES, start=first_port):
        node = Node.objects.filter(ae_title=ae_title, role=Node.Role.STORAGE, description__startswith="Sample ").first()
        if node is not None and node.port != port:
            node.port = port
            node.save(update_fields=["port", "updated_at"])
            done.append(f"change  node {ae_title}: Port {port}")
    for ae_title in SENDERS:
        _, made = KnownSender.objects.get_or_create(
            ae_title=ae_title,
            network="127.0.0.1",
            defaults={"description": f"Sample modality {ae_title.removeprefix('DEMO_')}"},
        )
        if made:
            done.append(f"add     sender {ae_title}")
    return done
