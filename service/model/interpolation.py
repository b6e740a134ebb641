"""Interpolation between latents: the frames of an animation or a strip of images.

linear: straight, in equal steps.
spherical: on the arc of a great circle (Shoemake 1985, "Animating rotation with
    quaternion curves"), of an ellipse if the lengths of the ends differ; straight where
    the angle between them is zero or a half turn.
even: straight, in steps of equal length in decoded pixels: by arc length under the
    metric that the decoder induces (Arvanitidis, Hansen & Hauberg 2018, "Latent space
    oddity").
"""

from typing import Literal

import numpy as np

from service.model.autoencoder import Autoencoder, Floats
from service.model.noise import Doubles

OVERSAMPLING = 2  # points per step that are decoded to measure an even path
MIN_SINE = 1e-6  # of an arc's angle; with a smaller one, the path is straight
# Pixel distance added to each segment, so that one whose image never changes has steps.
MIN_DISTANCE = 1e-6

InterpolationKind = Literal["linear", "spherical", "even"]


async def interpolate_path(
    autoencoder: Autoencoder,
    waypoints: Floats,
    steps: int,
    kind: InterpolationKind,
    *,
    closed: bool,
) -> tuple[Doubles, Floats]:
    """Interpolate from waypoint to waypoint (2 or more, latent).

    Each segment between two waypoints has ``steps`` frames, 2 or more, both ends
    included; a waypoint that two segments share is returned once. A ``closed`` path
    returns to the first waypoint and ends one step before it, to be repeated.

    Returns each frame's weight, (frames,), from 0 to the number of segments, and its
    latent, (frames, latent). The latents at waypoints are exactly the waypoints.
    """
    if closed:
        waypoints = np.concatenate([waypoints, waypoints[:1]])
    starts = waypoints[:-1]
    ends = waypoints[1:]
    points_between = points_on_lines
    weights = repeat_weights(equal_weights(steps), len(starts))
    if kind == "spherical":
        points_between = points_on_arcs
    elif kind == "even":
        weights = await even_weights(autoencoder, starts, ends, steps)

    latents = points_between(starts, ends, weights)
    return join_segments(weights, latents, closed=closed)


def join_segments(
    weights: Doubles,
    latents: Doubles,
    *,
    closed: bool,
) -> tuple[Doubles, Floats]:
    """Join segments to one path, each shared waypoint once.

    weights: (segments, steps), from 0 to 1.
    latents: (segments, steps, latent).

    Returns the weights, (frames,), from 0 to the number of segments, and the latents,
    float32 (frames, latent).
    """
    offsets = np.arange(len(weights))[:, np.newaxis]
    kept = np.ones(weights.shape, dtype=bool)
    kept[:, -1] = False  # it is the next segment's first frame
    kept[-1, -1] = not closed
    path_weights = weights + offsets
    path_latents = latents.astype(np.float32)
    return path_weights[kept], path_latents[kept]


def equal_weights(steps: int) -> Doubles:
    """Return equally spaced weights from 0 to 1, (steps,)."""
    return np.arange(steps) / (steps - 1)


def repeat_weights(weights: Doubles, segments: int) -> Doubles:
    """Repeat weights (steps,) for each segment: (segments, steps)."""
    return np.tile(weights, (segments, 1))


async def even_weights(
    autoencoder: Autoencoder,
    starts: Floats,
    ends: Floats,
    steps: int,
) -> Doubles:
    """Return weights, (segments, steps), of equally distant images on straight lines.

    The distance along a line is measured by decoding it at ``OVERSAMPLING`` times as
    many steps, and interpolated between them.
    """
    fine_intervals = OVERSAMPLING * (steps - 1)
    fine = equal_weights(fine_intervals + 1)
    fine_weights = repeat_weights(fine, len(starts))
    points = points_on_lines(starts, ends, fine_weights)
    distances = await pixel_distances(autoencoder, points)
    distances += MIN_DISTANCE * fine

    shares = equal_weights(steps)
    weights = np.empty((len(starts), steps))
    for segment, distance in enumerate(distances):
        wanted = shares * distance[-1]
        weights[segment] = np.interp(wanted, distance, fine)
    return weights


async def pixel_distances(
    autoencoder: Autoencoder,
    points: Doubles,
) -> Doubles:
    """Return the length of each segment's decoded path up to each of its points.

    points: (segments, points, latent).

    Returns Euclidean distances between pixels in [0, 1], summed from point to point:
    (segments, points), the first 0.
    """
    segments, count, size = points.shape
    latents = points.astype(np.float32)
    images = await autoencoder.decode(latents.reshape(-1, size))
    pixels = images.reshape(segments, count, -1)
    changes = np.diff(pixels, axis=1)
    lengths = np.linalg.norm(changes, axis=-1)

    distances = np.zeros((segments, count))
    np.cumsum(lengths, axis=1, dtype=np.float64, out=distances[:, 1:])
    return distances


def points_on_lines(
    starts: Floats,
    ends: Floats,
    weights: Doubles,
) -> Doubles:
    """Return points (segments, steps, latent) on straight lines.

    starts, ends: (segments, latent).
    weights: (segments, steps), 0 at a start and 1 at an end.
    """
    return combine(starts, ends, 1 - weights, weights)


def points_on_arcs(
    starts: Floats,
    ends: Floats,
    weights: Doubles,
) -> Doubles:
    """Return points (segments, steps, latent) on arcs about the origin.

    starts, ends: (segments, latent).
    weights: (segments, steps), 0 at a start and 1 at an end.
    """
    angles = angles_between(starts, ends)[:, np.newaxis]
    sines = np.sin(angles)
    curved = sines > MIN_SINE
    start_shares = 1 - weights  # these shares are kept where the path is straight
    end_shares = weights.copy()
    start_sines = np.sin(start_shares * angles)
    end_sines = np.sin(end_shares * angles)
    np.divide(
        start_sines,
        sines,
        out=start_shares,
        where=curved,
    )
    np.divide(
        end_sines,
        sines,
        out=end_shares,
        where=curved,
    )
    return combine(starts, ends, start_shares, end_shares)


def angles_between(starts: Floats, ends: Floats) -> Doubles:
    """Return the angle at the origin between each start and end, (segments,).

    It is 0 if one of them is the origin.
    """
    first = starts.astype(np.float64)
    last = ends.astype(np.float64)
    products = first * last
    first_lengths = np.linalg.norm(first, axis=-1)
    last_lengths = np.linalg.norm(last, axis=-1)
    lengths = first_lengths * last_lengths
    cosines = np.ones_like(lengths)
    np.divide(
        products.sum(axis=1),
        lengths,
        out=cosines,
        where=lengths > 0,
    )
    in_range = cosines.clip(-1, 1)  # a rounded cosine may be out of range
    angles: Doubles = np.arccos(in_range)
    return angles


def combine(
    starts: Floats,
    ends: Floats,
    start_shares: Doubles,
    end_shares: Doubles,
) -> Doubles:
    """Return points (segments, steps, latent) as weighted sums of two ends.

    starts, ends: (segments, latent).
    start_shares, end_shares: (segments, steps).
    """
    from_starts = start_shares[..., np.newaxis] * starts[:, np.newaxis]
    from_ends = end_shares[..., np.newaxis] * ends[:, np.newaxis]
    return from_starts + from_ends
