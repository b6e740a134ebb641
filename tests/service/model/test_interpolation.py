"""Walks through the latent space."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from service.model.autoencoder import Floats
from service.model.interpolation import InterpolationKind, interpolate_path
from service.model.onnx_autoencoder import OnnxAutoencoder
from tests.samples import MODEL, FakeAutoencoder

NUMBERS = st.floats(-100, 100, width=32)
WAYPOINTS = arrays(
    np.float32, st.tuples(st.integers(2, 4), st.just(6)), elements=NUMBERS
)
PATHS: tuple[InterpolationKind, ...] = get_args(InterpolationKind)
STRAIGHT: tuple[InterpolationKind, ...] = ("linear", "even")


def walk(
    *waypoints: list[float],
    steps: int,
    path: InterpolationKind = "linear",
    closed: bool = False,
) -> tuple[NDArray[np.float64], Floats]:
    """A walk through latents of two coordinates that the fake decodes as pixels, the others 0."""
    points = np.zeros((len(waypoints), 6), np.float32)
    points[:, :2] = waypoints
    weights, latents = interpolate_path(
        FakeAutoencoder(), points, steps, path, closed=closed
    )
    assert not latents[:, 2:].any()
    return weights, latents[:, :2]


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=30)
@given(WAYPOINTS, st.integers(2, 20))
def test_a_walk_passes_through_its_waypoints(
    path: InterpolationKind, waypoints: Floats, steps: int
) -> None:
    """Exactly, whatever they are; the weights tell how far it has come."""
    legs = len(waypoints) - 1
    weights, latents = interpolate_path(
        FakeAutoencoder(), waypoints, steps, path, closed=False
    )

    assert latents.dtype == np.float32
    assert len(weights) == len(latents) == legs * (steps - 1) + 1
    assert weights[:: steps - 1].tolist() == list(range(legs + 1))
    assert (np.diff(weights) > 0).all()
    assert np.array_equal(latents[:: steps - 1], waypoints)


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=30)
@given(WAYPOINTS, st.integers(2, 20))
def test_a_closed_walk_is_the_one_back_to_the_first_without_its_last_frame(
    path: InterpolationKind, waypoints: Floats, steps: int
) -> None:
    """So that it can be repeated."""
    closed = interpolate_path(FakeAutoencoder(), waypoints, steps, path, closed=True)
    back = interpolate_path(
        FakeAutoencoder(),
        np.vstack([waypoints, waypoints[:1]]),
        steps,
        path,
        closed=False,
    )

    assert np.array_equal(closed[0], back[0][:-1])
    assert np.array_equal(closed[1], back[1][:-1])


@pytest.mark.parametrize("path", STRAIGHT)
@settings(max_examples=30)
@given(WAYPOINTS, st.integers(2, 20))
def test_a_straight_walk_stays_between_its_ends(
    path: InterpolationKind, waypoints: Floats, steps: int
) -> None:
    """In every coordinate."""
    _, latents = interpolate_path(
        FakeAutoencoder(), waypoints[:2], steps, path, closed=False
    )

    assert (latents >= waypoints[:2].min(axis=0) - 1e-4).all()
    assert (latents <= waypoints[:2].max(axis=0) + 1e-4).all()


def test_linear_steps_are_equal() -> None:
    """The middle of five frames is the mean of the ends."""
    _, latents = walk([0, 0], [1, -2], steps=5)

    assert latents.tolist() == [[0, 0], [0.25, -0.5], [0.5, -1], [0.75, -1.5], [1, -2]]


@given(st.floats(0.1, 3), st.integers(2, 20))
def test_a_spherical_walk_turns_evenly_and_keeps_its_length(
    angle: float, steps: int
) -> None:
    """Between ends of the same length."""
    _, latents = walk(
        [5, 0], [5 * np.cos(angle), 5 * np.sin(angle)], steps=steps, path="spherical"
    )

    assert np.linalg.norm(latents, axis=1) == pytest.approx(5, rel=1e-5)
    assert np.arctan2(latents[:, 1], latents[:, 0]) == pytest.approx(
        np.linspace(0, angle, steps), abs=1e-5
    )


@pytest.mark.parametrize("end", [[2, 0], [-1, 0], [0, 0]])
def test_a_spherical_walk_is_straight_where_there_is_no_angle(end: list[float]) -> None:
    """On one line with the origin, or from the origin itself."""
    _, latents = walk([1, 0], end, steps=3, path="spherical")

    assert latents[1].tolist() == [(1 + end[0]) / 2, 0]


def test_an_even_walk_of_a_linear_decoder_has_equal_steps() -> None:
    """The fake's pixels change as the latent does; where they do not at all, too."""
    assert walk([0, 0], [1, 0], steps=5, path="even")[1][:, 0] == pytest.approx(
        [0, 0.25, 0.5, 0.75, 1]
    )
    assert walk([1, 1], [1, 1], steps=5, path="even")[0] == pytest.approx(
        [0, 0.25, 0.5, 0.75, 1]
    )


def test_an_even_walk_changes_the_picture_equally(random: np.random.Generator) -> None:
    """The largest of the model's ten steps is on average a twentieth longer than the smallest, not a quarter."""
    model = OnnxAutoencoder.load(MODEL)
    ends = random.standard_normal((20, 2, 32), dtype=np.float32)

    def unevenness(path: InterpolationKind) -> NDArray[np.float64]:
        walks = [
            interpolate_path(model, pair, 11, path, closed=False)[1] for pair in ends
        ]
        pixels = model.decode(np.concatenate(walks)).reshape(20, 11, -1)
        changes: NDArray[np.float64] = np.linalg.norm(
            np.diff(pixels, axis=1), axis=-1
        ).astype(np.float64)
        ratios: NDArray[np.float64] = changes.max(axis=1) / changes.min(axis=1)
        return ratios

    assert unevenness("even").mean() < 1.06
    assert unevenness("linear").mean() > 1.25
