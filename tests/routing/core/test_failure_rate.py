"""When failures count as risen, and what an activation is measured by."""

import pytest

from routing.core.failure_rate import Rate, has_risen, measures

CALM = Rate(images=500)


@pytest.mark.parametrize(
    ("images", "troubled", "before", "risen"),
    [
        (40, 8, CALM, True),
        (1, 1, CALM, True),
        (500, 0, CALM, False),
        (10_000, 1, CALM, False),
        (40, 1, Rate(images=20), False),
        (2, 2, Rate(images=500, troubled=250), False),
        (100, 90, Rate(images=500, troubled=250), True),
        (1, 1, None, True),
        (100, 5, None, False),
        (40, 20, None, True),
    ],
)
def test_failures_have_risen_when_chance_alone_does_not_explain_them(images, troubled, before, risen):
    assert has_risen(Rate(images, troubled), before) is risen


def test_an_activation_that_raised_failures_is_no_measure_for_the_next_unless_they_are_meant():
    broken = Rate(images=100, troubled=50)
    assert measures([(CALM, False), (broken, False), (broken, False)]) == [None, 0, 0]
    assert measures([(CALM, False), (broken, True), (broken, False)]) == [None, 0, 1]


def test_an_activation_that_few_images_met_is_no_measure():
    assert measures([(CALM, False), (Rate(images=3), False), (CALM, False)]) == [None, 0, 0]


def test_an_image_counts_once_it_came_through_and_not_for_each_try_that_it_was_put_off():
    rate = Rate()
    for verdict, errors in (("retry", 1), ("retry", 1), ("prepared", 1), ("failed", 1), ("dropped", 0)):
        rate.note(verdict, errors)
    assert rate == Rate(images=3, troubled=2, failed=1, put_off=2)
