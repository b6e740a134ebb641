"""Properties of each kind of interpolation."""

import asyncio
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from service.model.autoencoder import Backend, Floats
from service.model.interpolation import InterpolationKind, interpolate_path
from service.model.onnx_autoencoder import OnnxAutoencoder
from tests.models import UnbatchedAutoencoder
from tests.samples import MODEL, FakeAutoencoder

NUMBERS = st.floats(-100, 100, width=32)
WAYPOINTS = arrays(
    np.float32, st.tuples(st.integers(2, 4), st.just(6)), elements=NUMBERS
)
KINDS: tuple[InterpolationKind, ...] = get_args(InterpolationKind)
FAKE = FakeAutoencoder()
STRAIGHT: tuple[InterpolationKind, ...] = ("linear", "even")


def interpolate(
    waypoints: Floats,
    steps: int,
    kind: InterpolationKind,
    *,
    closed: bool = False,
    backend: Backend = FAKE,
) -> tuple[NDArray[np.float64], Floats]:
    """Interpolate with a backend; the fake decodes to the latent itself."""
    autoencoder = UnbatchedAutoencoder(backend)
    path = interpolate_path(autoencoder, waypoints, steps, kind, closed=closed)
    return asyncio.run(path)


def interpolate_plane(
    *waypoints: list[float],
    steps: int,
    kind: InterpolationKind = "linear",
) -> tuple[NDArray[np.float64], Floats]:
    """Interpolate between latents whose coordinates are 0 but for the first two."""
    points = np.zeros((len(waypoints), 6), np.float32)
    points[:, :2] = waypoints
    weights, latents = interpolate(points, steps, kind)
    assert not latents[:, 2:].any()
    return weights, latents[:, :2]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30)
@given(WAYPOINTS, st.integers(2, 20))
def test_a_path_passes_through_its_waypoints(
    kind: InterpolationKind, waypoints: Floats, steps: int
) -> None:
    """Exactly, whatever they are; at each, the weight is its index."""
    segments = len(waypoints) - 1
    weights, latents = interpolate(waypoints, steps, kind)

    assert latents.dtype == np.float32
    assert len(weights) == len(latents) == segments * (steps - 1) + 1
    assert weights[:: steps - 1].tolist() == list(range(segments + 1))
    assert (np.diff(weights) > 0).all()
    assert np.array_equal(latents[:: steps - 1], waypoints)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30)
@given(WAYPOINTS, st.integers(2, 20))
def test_a_closed_path_returns_to_the_first_waypoint_without_its_last_frame(
    kind: InterpolationKind, waypoints: Floats, steps: int
) -> None:
    """So that it can be repeated."""
    and_back = np.vstack([waypoints, waypoints[:1]])
    closed = interpolate(waypoints, steps, kind, closed=True)
    back = interpolate(and_back, steps, kind)

    assert np.array_equal(closed[0], back[0][:-1])
    assert np.array_equal(closed[1], back[1][:-1])


@pytest.mark.parametrize("kind", STRAIGHT)
@settings(max_examples=30)
@given(WAYPOINTS, st.integers(2, 20))
def test_a_straight_path_stays_between_its_ends(
    kind: InterpolationKind, waypoints: Floats, steps: int
) -> None:
    """In every coordinate."""
    _, latents = interpolate(waypoints[:2], steps, kind)

    assert (latents >= waypoints[:2].min(axis=0) - 1e-4).all()
    assert (latents <= waypoints[:2].max(axis=0) + 1e-4).all()


def test_linear_steps_are_equal() -> None:
    """The middle of five frames is the mean of the ends."""
    _, latents = interpolate_plane([0, 0], [1, -2], steps=5)

    assert latents.tolist() == [[0, 0], [0.25, -0.5], [0.5, -1], [0.75, -1.5], [1, -2]]


@given(st.floats(0.1, 3), st.integers(2, 20))
def test_a_spherical_path_turns_evenly_and_keeps_its_length(
    angle: float, steps: int
) -> None:
    """Between ends of the same length."""
    end = [5 * np.cos(angle), 5 * np.sin(angle)]
    _, latents = interpolate_plane([5, 0], end, steps=steps, kind="spherical")

    assert np.linalg.norm(latents, axis=1) == pytest.approx(5, rel=1e-5)
    assert np.arctan2(latents[:, 1], latents[:, 0]) == pytest.approx(
        np.linspace(0, angle, steps), abs=1e-5
    )


@pytest.mark.parametrize("end", [[2, 0], [-1, 0], [0, 0]])
def test_a_spherical_path_is_straight_where_there_is_no_angle(end: list[float]) -> None:
    """On one line with the origin, or to the origin itself."""
    _, latents = interpolate_plane([1, 0], end, steps=3, kind="spherical")

    assert latents[1].tolist() == [(1 + end[0]) / 2, 0]


def test_an_even_path_of_a_linear_decoder_has_equal_steps() -> None:
    """The fake's pixels are the latent; a path whose pixels never change counts, too."""
    _, moving = interpolate_plane([0, 0], [1, 0], steps=5, kind="even")
    still, _ = interpolate_plane([1, 1], [1, 1], steps=5, kind="even")

    assert moving[:, 0] == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert still == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_an_even_path_changes_the_image_equally(random: np.random.Generator) -> None:
    """The longest of ten steps is on average at most 6 % longer than the shortest.

    On a linear path it is more than 25 % longer.
    """
    model = OnnxAutoencoder.load(MODEL)
    ends = random.standard_normal((20, 2, 32), dtype=np.float32)

    def unevenness(kind: InterpolationKind) -> NDArray[np.float64]:
        paths = [interpolate(pair, 11, kind, backend=model)[1] for pair in ends]
        pixels = model.decode(np.concatenate(paths)).reshape(20, 11, -1)
        changes: NDArray[np.float64] = np.linalg.norm(
            np.diff(pixels, axis=1), axis=-1
        ).astype(np.float64)
        ratios: NDArray[np.float64] = changes.max(axis=1) / changes.min(axis=1)
        return ratios

    assert unevenness("even").mean() < 1.06
    assert unevenness("linear").mean() > 1.25
