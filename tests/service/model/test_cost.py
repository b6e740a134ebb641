"""The measured cost of a model."""

import time

import numpy as np
import pytest

from service.model.cost import (
    BATCH_SIZES,
    MAX_MEASURING_MS,
    MAX_RUNS,
    measure_cost,
    ms_per_row,
    rows_within,
)
from tests.samples import FakeAutoencoder, fake_card


def compute_for(milliseconds: float) -> None:
    """Use the processor for a time."""
    end = time.thread_time() + milliseconds / 1000
    while time.thread_time() < end:
        pass


def test_the_time_of_a_row_in_a_batch_is_measured() -> None:
    """The time that a call takes in any case is shared by its rows."""
    calls: list[int] = []

    def function(rows: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
        calls.append(len(rows))
        compute_for(0.8 + 0.1 * len(rows))

    per_row = ms_per_row(function, np.zeros((max(BATCH_SIZES), 2), np.float32))

    assert per_row == pytest.approx(0.2, rel=0.5)
    assert calls == [size for size in BATCH_SIZES for _ in range(MAX_RUNS)]


def test_time_that_is_spent_waiting_does_not_count() -> None:
    """Another process may use the processor meanwhile."""
    rows = np.zeros((max(BATCH_SIZES), 2), np.float32)

    assert ms_per_row(lambda _: time.sleep(0.002), rows) < 0.5


def test_measuring_a_slow_model_is_bounded() -> None:
    """An image that takes long is computed once, by itself."""
    calls: list[int] = []

    def function(rows: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
        calls.append(len(rows))
        compute_for(1.5 * MAX_MEASURING_MS)

    rows = np.zeros((max(BATCH_SIZES), 2), np.float32)
    per_row = ms_per_row(function, rows)

    assert calls == [1]
    assert per_row >= 1.5 * MAX_MEASURING_MS


def test_all_functions_of_a_model_are_measured() -> None:
    """They get images, latents and pairs of the card's sizes."""
    fake = FakeAutoencoder()
    cost = measure_cost(fake.encode, fake.decode, fake.map_anomalies, fake_card())

    assert 0 < cost.encode < MAX_MEASURING_MS
    assert 0 < cost.decode < MAX_MEASURING_MS
    assert 0 < cost.inspect < MAX_MEASURING_MS
    assert set(fake.batches) == set(BATCH_SIZES)


def test_a_model_that_cannot_inspect_has_no_cost_of_it() -> None:
    """There is no function to measure."""
    fake = FakeAutoencoder()

    assert measure_cost(fake.encode, fake.decode, None, fake_card()).inspect == 0


@pytest.mark.parametrize(
    ("per_row", "rows"), [(0.1, 100), (3, 3), (10, 1), (50, 1), (0, 10_000_000)]
)
def test_rows_within_a_time_are_at_least_one(per_row: float, rows: int) -> None:
    """A time of 0 was too short for the clock."""
    assert rows_within(10, per_row) == pytest.approx(rows, abs=1)
