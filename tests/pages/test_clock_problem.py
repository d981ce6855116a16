"""What waits because the clock has jumped ahead is told on the dashboard, as long as it can be set right."""

from datetime import timedelta

import pytest
from django.utils import timezone

from routing.models import ServiceProcess
from routing.showing.service import WORK
from tests.builders import alive
from tests.pages import people
from tests.pages.people import visitor

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("held", "ahead", "left", "said"),
    [
        (0, 8 * 86_400, 86_000, "Nothing is wrong"),
        (
            2,
            8 * 86_400,
            86_000,
            "The clock is 8 days ahead of the time that has passed here: it was set, or the service was off; 2 images"
            " would expire by it, which wait for 23 hours more: set the clock right if it is wrong",
        ),
        (1, 3_700, 100, "is 61 minutes ahead"),
        (1, 3_700, 100, "1 image would expire by it, which waits for 1 minute more"),
    ],
)
def test_what_the_clock_would_expire_is_told_with_the_time_that_is_left(
    held: int, ahead: int, left: int, said: str
) -> None:
    for role in WORK:
        alive(role)
    believed_at = timezone.now() + timedelta(seconds=left)
    detail = {"held": held, "ahead_seconds": ahead, "believed_at": believed_at.isoformat()}
    ServiceProcess.objects.filter(role="housekeep").update(detail=detail)
    assert said in people.words(visitor().get("/"))
