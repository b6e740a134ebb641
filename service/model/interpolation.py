"""Walks through the latent space."""

from typing import Literal

import numpy as np

from service.model.autoencoder import Autoencoder, Floats
from service.model.noise import Doubles

FINENESS = 2  # frames that an even path is measured by, for each that it has
FLAT = 1e-6  # the sine of an angle below which there is no turning
STILL = (
    1e-6  # pixels of change added to each leg, so that one without any has its steps
)

InterpolationKind = Literal["linear", "spherical", "even"]


def interpolate_path(
    autoencoder: Autoencoder,
    waypoints: Floats,
    steps: int,
    path: InterpolationKind,
    *,
    closed: bool,
) -> tuple[Doubles, Floats]:
    """Walk from waypoint to waypoint (2 or more, latent), ``steps`` frames a leg, 2 or more, corners counted once.

    Gives each frame's weight, (frames,), from 0 to the number of legs, and its latent, (frames, latent); at the
    waypoints it is exactly theirs. A ``closed`` walk goes back to the first and ends one step before it, to be
    repeated.

    linear: straight, in equal steps.
    spherical: on a great circle's arc (Shoemake 1985, "Animating rotation with quaternion curves"), an ellipse's for
        ends of unequal length; straight where the angle between them vanishes or is a half turn.
    even: straight, a leg's steps of equal length in decoded pixels: by arc length under the metric that the decoder
        pulls back (Arvanitidis, Hansen & Hauberg 2018, "Latent space oddity").
    """
    starts = waypoints if closed else waypoints[:-1]
    ends = np.roll(waypoints, -1, axis=0)[: len(starts)]
    weights = np.tile(equal_weights(steps), (len(starts), 1))
    if path == "even":
        weights = even_weights(autoencoder, starts, ends, weights)
    latents = (
        arcs(starts, ends, weights)
        if path == "spherical"
        else lines(starts, ends, weights)
    )
    weights += np.arange(len(starts))[:, np.newaxis]
    kept = np.ones(weights.shape, dtype=bool)
    kept[:, -1] = False  # the next leg has it, or for a closed walk its beginning
    kept[-1, -1] = not closed
    return weights[kept], latents[kept].astype(np.float32)


def equal_weights(steps: int) -> Doubles:
    """Weights (steps,) from 0 to 1."""
    return np.arange(steps) / (steps - 1)


def even_weights(
    autoencoder: Autoencoder, starts: Floats, ends: Floats, weights: Doubles
) -> Doubles:
    """Move weights (legs, steps) so that the same share of a leg's change in pixels has been seen at each."""
    legs, steps = weights.shape
    fine = equal_weights(FINENESS * (steps - 1) + 1)
    latents = lines(starts, ends, np.tile(fine, (legs, 1))).astype(np.float32)
    pixels = autoencoder.decode(latents.reshape(-1, latents.shape[-1])).reshape(
        legs, len(fine), -1
    )
    changes = np.linalg.norm(np.diff(pixels, axis=1), axis=-1).astype(np.float64)
    seen = np.insert(changes.cumsum(axis=1), 0, 0, axis=1) + STILL * fine
    return np.array(
        [
            np.interp(leg * own[-1], own, fine)
            for leg, own in zip(weights, seen, strict=True)
        ]
    )


def lines(starts: Floats, ends: Floats, weights: Doubles) -> Doubles:
    """Points (legs, steps, latent) on the straight lines from starts to ends (legs, latent)."""
    return mixtures(starts, ends, 1 - weights, weights)


def arcs(starts: Floats, ends: Floats, weights: Doubles) -> Doubles:
    """Points (legs, steps, latent) on the arcs from starts to ends (legs, latent)."""
    both = np.stack([starts, ends]).astype(np.float64)
    lengths: Doubles = np.prod(np.linalg.norm(both, axis=-1), axis=0)
    cosines = np.divide(
        np.prod(both, axis=0).sum(axis=1),
        lengths,
        np.ones_like(lengths),
        where=lengths > 0,
    )
    angles = np.arccos(cosines.clip(-1, 1))[:, np.newaxis]
    sines = np.sin(angles)
    turns = sines > FLAT
    first = np.divide(np.sin((1 - weights) * angles), sines, 1 - weights, where=turns)
    last = np.divide(np.sin(weights * angles), sines, weights.copy(), where=turns)
    return mixtures(starts, ends, first, last)


def mixtures(starts: Floats, ends: Floats, first: Doubles, last: Doubles) -> Doubles:
    """Points (legs, steps, latent) that have these shares (legs, steps) of starts and of ends (legs, latent)."""
    return (
        first[..., np.newaxis] * starts[:, np.newaxis]
        + last[..., np.newaxis] * ends[:, np.newaxis]
    )
