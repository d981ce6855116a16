"""Back-off doubles up to its limit, is spread by chance, and never spins."""

from datetime import UTC, datetime, timedelta

import pytest

from routing.core.retry import RetryPolicy

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def middle() -> float:
    return 0.5


def delay(policy: RetryPolicy, attempts: int, chance: float = 0.5) -> float:
    at = policy.next_try(attempts, NOW, lambda: chance)
    assert at is not None
    return (at - NOW).total_seconds()


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 10), (2, 20), (3, 40), (6, 320), (7, 600), (8, 600), (1000, 600)]
)
def test_the_delay_doubles_from_ten_seconds_to_ten_minutes(attempts: int, seconds: float) -> None:
    assert delay(RetryPolicy(), attempts) == seconds


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 80), (0.5, 100), (1.0, 120)])
def test_jitter_moves_a_delay_by_a_fifth_at_the_most(chance: float, seconds: float) -> None:
    assert delay(RetryPolicy(initial=timedelta(seconds=100)), 1, chance) == pytest.approx(seconds)


def test_without_jitter_chance_plays_no_part() -> None:
    policy = RetryPolicy(jitter=0)
    assert delay(policy, 1, 0.0) == delay(policy, 1, 0.99) == 10


@pytest.mark.parametrize(("attempts", "again"), [(1, True), (2, True), (3, False), (4, False)])
def test_a_policy_with_three_attempts_gives_up_after_the_third(attempts: int, again: bool) -> None:
    assert (RetryPolicy(attempts=3).next_try(attempts, NOW, middle) is not None) is again


def test_even_a_delay_of_zero_is_a_tenth_of_a_second() -> None:
    assert delay(RetryPolicy(initial=timedelta(0), limit=timedelta(0)), 5) == 0.1


@pytest.mark.parametrize("initial", [timedelta(seconds=10), timedelta(days=1), timedelta(days=5), timedelta.max])
def test_years_of_attempts_overflow_nothing(initial: timedelta) -> None:
    assert delay(RetryPolicy(initial=initial, limit=timedelta(days=1)), 10**9) == 86400
