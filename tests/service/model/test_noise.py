"""Random numbers depend on their seed and their position alone."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model.noise import MAX_SEED, cosine, logarithm, normals, uniforms
from tests.samples import REPOSITORY

SEEDS = st.integers(0, MAX_SEED)
COUNTS = st.integers(1, 9)
GOLDEN = [
    "afa616bf378db3be81a2c23e",
    "eff2303f07b6f13fa25a523f",
    "b88e263f4b8519bf938aaa3f",
]


@given(SEEDS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_a_number_depends_on_seed_and_position_alone(
    seed: int, items: int, each: int, more: int, longer: int
) -> None:
    """Neither more streams nor longer ones change it, to the last bit."""
    numbers = uniforms(seed, items, each)

    assert np.array_equal(
        uniforms(seed, items + more, each + longer)[:items, :each], numbers
    )
    assert numbers.min() > 0
    assert numbers.max() < 1


FORKED_SEEDS = """
import os
from service.model.noise import new_seed
for _ in range(2):
    if os.fork() == 0:
        print(new_seed(), flush=True)
        os._exit(0)
    os.wait()
print(new_seed())
"""


def test_workers_draw_different_seeds() -> None:
    """They are forked from one process, whose state they would share."""
    done = subprocess.run(
        [sys.executable, "-c", FORKED_SEEDS], capture_output=True, text=True, check=True
    )
    seeds = [int(line) for line in done.stdout.split()]
    assert len(set(seeds)) == 3
    assert all(0 <= seed <= MAX_SEED for seed in seeds)


def test_streams_differ() -> None:
    """No number is repeated, neither within a seed nor between seeds."""
    numbers = np.concatenate([uniforms(seed, 50, 100) for seed in (0, 1, MAX_SEED)])

    assert len(np.unique(numbers)) == numbers.size


def test_the_numbers_never_change() -> None:
    """A seed gives the same numbers in every version, on any machine: golden numbers."""
    draws = normals(uniforms(2014, 3, 6)).astype("<f4")

    assert [draw.tobytes().hex() for draw in draws] == GOLDEN


def test_the_numbers_do_not_depend_on_the_processor() -> None:
    """A process without NumPy's wide instructions gives the same doubles."""
    program = (
        "import sys\n"
        "from service.model.noise import normals, uniforms\n"
        "sys.stdout.buffer.write(normals(uniforms(7, 50, 64)))"
    )
    narrow = {**os.environ, "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4"}
    command = [sys.executable, "-W", "ignore", "-c", program]
    content = subprocess.run(
        command, cwd=REPOSITORY, env=narrow, check=True, capture_output=True
    ).stdout

    assert content == normals(uniforms(7, 50, 64)).tobytes()


def test_normals_are_normal() -> None:
    """Four moments, the share beyond two deviations and correlations, of a million."""
    draws = normals(uniforms(7, 100, 20_000))

    assert [(draws**power).mean() for power in (1, 2, 3, 4)] == pytest.approx(
        [0, 1, 0, 3], abs=0.02
    )
    assert (np.abs(draws) > 2).mean() == pytest.approx(0.0455, abs=0.001)
    assert np.abs(np.asarray(np.corrcoef(draws)) - np.eye(100)).max() < 0.05


def test_logarithm_and_cosine_agree_with_numpys() -> None:
    """Over the whole range that the normals need."""
    values = np.append(uniforms(3, 1, 10_000), [2.0**-53, 0.5, 1 - 2.0**-53])
    angles = np.linspace(-np.pi, np.pi, 10_001)

    assert logarithm(values) == pytest.approx(np.log(values), rel=1e-15)
    assert cosine(angles) == pytest.approx(np.cos(angles), abs=2e-15)
