"""Images that somebody has kept to try scripts on, and who may use them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from scripts_app.models import SampleCapture, ScriptSample
from scripts_app.outside import SampleCopy, outside

MOST_BYTES = 16 << 20
"""Of an image that is kept, in the database."""
MOST_SAMPLES = 100
MOST_CAPTURES = 10
LONGEST_WAIT = timedelta(days=7)


class NotKept(Exception):
    """The image cannot be kept; the text says why."""


def visible_samples(sees_all: bool) -> QuerySet[ScriptSample]:
    """Those that this person may use, without their images: others may tell of a patient."""
    samples = ScriptSample.objects.defer("image")
    return samples if sees_all else samples.filter(deidentified=True)


@transaction.atomic
def keep_sample(name: str, made: SampleCopy, source: str, destination: str, actor: str) -> ScriptSample:
    """NotKept when there is no room for it, or the name is taken."""
    name = name.strip()[:100]
    if not name:
        raise NotKept("give the sample a name")
    if len(made.image) > MOST_BYTES:
        raise NotKept(f"a sample may have {MOST_BYTES >> 20} MiB at the most")
    if ScriptSample.objects.filter(name=name).exists():
        raise NotKept(f"there is a sample {name!r} already")
    if ScriptSample.objects.count() >= MOST_SAMPLES:
        raise NotKept(f"there are {MOST_SAMPLES} samples already; remove some first")
    return ScriptSample.objects.create(
        name=name,
        image=made.image,
        size=len(made.image),
        about=made.about,
        source_ae_title=source[:16],
        destination_ae_title=destination[:16],
        deidentified=made.deidentified,
        note=made.note[:500],
        created_by=actor,
    )


def arm(capture: SampleCapture, hours: int, looked_until: int) -> SampleCapture:
    """Begin to wait; NotKept when the name is taken or too many wait already."""
    now = timezone.now()
    if not capture.name:
        raise NotKept("give the sample a name")
    if ScriptSample.objects.filter(name=capture.name).exists():
        raise NotKept(f"there is a sample {capture.name!r} already")
    if SampleCapture.objects.filter(sample=None, problem="", expires_at__gt=now).count() >= MOST_CAPTURES:
        raise NotKept(f"{MOST_CAPTURES} captures are waiting already; give one up first")
    capture.expires_at = now + min(timedelta(hours=max(hours, 1)), LONGEST_WAIT)
    capture.looked_until = looked_until
    capture.save()
    return capture


@transaction.atomic
def keep_capture(capture: SampleCapture, made: SampleCopy, source: str, called: str, origin: str) -> bool:
    """Keep what was waited for; False when it has been given up meanwhile."""
    waiting = SampleCapture.objects.select_for_update().filter(pk=capture.pk, sample=None).first()
    if waiting is None:
        return False
    waiting.sample = keep_sample(capture.name, made, source, called, capture.created_by)
    waiting.save(update_fields=["sample"])
    outside.audit(capture.created_by, "capture sample", waiting.sample, origin=origin, **told(waiting.sample))
    return True


def told(sample: ScriptSample) -> dict[str, Any]:
    """What the audit log keeps of a sample."""
    return {"about": sample.about, "deidentified": sample.deidentified, "note": sample.note}
