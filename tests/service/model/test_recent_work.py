"""What a model had to compute counts the less, the longer ago it was."""

import math

import pytest

from service.model.recent_work import ACTIVE_SECONDS, DECAY_SECONDS, RecentWork


def test_nothing_is_recent_at_first() -> None:
    """Whatever the time is."""
    assert RecentWork().at(1e6) == 0
    assert not RecentWork().is_active(1e6)


def test_work_decreases_exponentially() -> None:
    """By a factor of e each second; jobs are added to what is left."""
    work = RecentWork()
    work.add(3, now=100)
    work.add(2, now=100 + DECAY_SECONDS)

    assert work.at(100 + DECAY_SECONDS) == pytest.approx(3 / math.e + 2)
    assert work.at(100 + 2 * DECAY_SECONDS) == pytest.approx(3 / math.e**2 + 2 / math.e)


@pytest.mark.parametrize("cost", [0.1, 1000])
def test_a_model_is_active_for_a_second_after_a_job(cost: float) -> None:
    """However much work it was."""
    work = RecentWork()
    work.add(cost, now=100)

    assert work.is_active(100 + 0.9 * ACTIVE_SECONDS)
    assert not work.is_active(100 + 1.1 * ACTIVE_SECONDS)


def test_constant_work_has_a_constant_sum() -> None:
    """That of about one second, so that models are compared by their rates."""
    work = RecentWork()
    for milliseconds in range(10_000):
        work.add(0.5, now=milliseconds / 1000)

    assert work.at(10) == pytest.approx(0.5 * 1000, rel=0.01)
