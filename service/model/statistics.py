"""Mixtures of Gaussians fitted to the training data's classes in latent space.

New latents are drawn from them, and images are classified by their densities.
"""

import io
import math
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import DTypeLike, NDArray

from service.model.errors import ModelLoadError
from service.model.noise import Doubles, normals

Floats = NDArray[np.float32]
Classes = NDArray[np.int64]  # a class's number is its index in the card's labels

BLOCK = 16  # latents whose densities are computed at a time, to stay in the CPU's cache
MIXTURE_ARRAYS = ("weights", "classes", "means", "cholesky")
CALIBRATION_ARRAYS = ("inspection_scores", "class_temperature")  # not in all archives
DTYPES = {"classes": np.int64, "inspection_scores": np.float64}  # others: float32
READ_ERRORS = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


class Whitening(NamedTuple):
    """The affine maps from a latent to each Gaussian's standard normal.

    Each Gaussian has its block of columns in ``matrix``, so that one product,
    latents @ matrix - offset, maps a batch for all of them.

    matrix: float64 (latent, count * latent).
    offset: float64 (count * latent,).
    log_heights: float64 (count,), the logarithm of each weighted density at its mean.
    """

    matrix: Doubles
    offset: Doubles
    log_heights: Doubles


def no_scores() -> Doubles:
    """Return the ``inspection_scores`` of a model that cannot inspect."""
    return np.empty((0, 0))


def unit_temperature() -> Floats:
    """Return the ``class_temperature`` of a model that was not calibrated."""
    return np.ones((), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class LatentStatistics:
    """Gaussians in the latent space; those of one class are its mixture.

    A model whose classes are not known has none.

    weights: float32 (count,), positive.
    classes: int64 (count,), each Gaussian's class, ascending.
    means: float32 (count, latent).
    cholesky: float32 (count, latent, latent), the lower Cholesky factors of the
        covariances.
    inspection_scores: float64 (parts, images): scores of images without defects that
        training did not use; ``inspection`` defines them. Empty where not measured.
    class_temperature: float32 (), positive: divides log-densities before they become
        probabilities of the classes.
    """

    weights: Floats
    classes: Classes
    means: Floats
    cholesky: Floats
    inspection_scores: Doubles = field(default_factory=no_scores)
    class_temperature: Floats = field(default_factory=unit_temperature)

    @classmethod
    def unknown(cls, latent_size: int) -> Self:
        """Return statistics without Gaussians, for a model whose card names none."""
        return cls(
            weights=np.empty(0, dtype=np.float32),
            classes=np.empty(0, dtype=np.int64),
            means=np.empty((0, latent_size), dtype=np.float32),
            cholesky=np.empty((0, latent_size, latent_size), dtype=np.float32),
        )

    @classmethod
    def read(cls, content: bytes, latent_size: int) -> Self:
        """Read a NumPy archive of statistics for latents of this length.

        Raises ModelLoadError.
        """
        try:
            arrays = read_archive(content)
        except READ_ERRORS as error:
            raise ModelLoadError(
                f"not an archive of latent statistics: {error}"
            ) from error
        statistics = cls(**arrays)
        statistics.check(latent_size)
        return statistics

    def check(self, latent_size: int) -> None:
        """Raise ModelLoadError unless types, shapes and values are those of a mixture."""
        self._check_arrays(latent_size)
        self._check_values()

    def _check_arrays(self, latent_size: int) -> None:
        """Raise ModelLoadError at an array of another type or shape, or not finite."""
        count = self.weights.size
        shapes: dict[str, tuple[int, ...]] = {
            "weights": (count,),
            "classes": (count,),
            "means": (count, latent_size),
            "cholesky": (count, latent_size, latent_size),
            "inspection_scores": self.inspection_scores.shape,
            "class_temperature": (),
        }
        for name, shape in shapes.items():
            dtype = DTYPES.get(name, np.float32)
            array = getattr(self, name)
            check_array(name, array, dtype, shape)

    def _check_values(self) -> None:
        """Raise ModelLoadError at values that no mixture has."""
        diagonals = diagonals_of(self.cholesky)
        class_steps = np.diff(self.classes)
        faults = {
            "weights are not positive": self.weights <= 0,
            "classes are not ascending": class_steps < 0,
            "cholesky has a diagonal that is not positive": diagonals <= 0,
            "class_temperature is not positive": self.class_temperature <= 0,
        }
        for fault, found in faults.items():
            if found.any():
                raise ModelLoadError(fault)

    @cached_property
    def class_numbers(self) -> list[int]:
        """The classes that have a mixture, ascending."""
        classes = set(self.classes.tolist())  # np.unique would import numpy.ma, 1 MB
        numbers: list[int] = sorted(classes)
        return numbers

    def class_means(self, classes: Iterable[int]) -> Floats:
        """Return the mean of each of these classes' mixtures, float32 (classes, latent)."""
        class_means = []
        for number in classes:
            in_class = self.classes == number
            means = self.means[in_class]
            weights = self.weights[in_class]
            class_mean = np.average(means, axis=0, weights=weights)
            class_means.append(class_mean)
        return np.array(class_means, dtype=np.float32)

    def draw(
        self,
        uniform: Doubles,
        classes: Classes | None,
        temperature: float,
    ) -> Floats:
        """Map uniform numbers (count, 1 + 2 latent) to new latents (count, latent).

        ``classes`` (count,) gives each latent's class; with None the weights of all
        Gaussians decide. ``temperature`` scales the noise within each Gaussian. Sums
        are computed in a fixed order, in float64, to be bit-identical on every machine.
        """
        chosen = self._choose(uniform[:, 0], classes)
        standard_noise = normals(uniform[:, 1:])
        noise = temperature * standard_noise
        means = self.means[chosen]
        latents = means.astype(np.float64)
        for axis, coordinate in enumerate(noise.T):
            columns = self.cholesky[chosen, :, axis]
            latents += columns * coordinate[:, np.newaxis]
        return latents.astype(np.float32)

    def _choose(self, uniform: Doubles, classes: Classes | None) -> Classes:
        """Choose a Gaussian for each uniform number, by the weights within its class.

        Returns their indices, (count,).
        """
        first: Classes | int
        last: Classes | int
        if classes is None:
            first = 0
            last = len(self.classes)
        else:
            first = np.searchsorted(self.classes, classes, side="left")
            last = np.searchsorted(self.classes, classes, side="right")
        edges = np.zeros(len(self.weights) + 1)
        np.cumsum(self.weights, dtype=np.float64, out=edges[1:])
        lowest = edges[first]
        total = edges[last] - lowest
        place = lowest + uniform * total
        chosen = np.searchsorted(edges, place, side="right") - 1
        # Rounding may move a place to its class's upper edge.
        highest = np.subtract(last, 1)
        return np.clip(chosen, first, highest)

    def class_log_densities(self, latents: Floats) -> Doubles:
        """Return log p(class) p(z|class) in nats of latents (batch, latent).

        Shape (batch, classes), the classes in the order of ``class_numbers``.
        """
        by_block = []
        for start in range(0, len(latents), BLOCK):
            block = latents[start : start + BLOCK]
            by_block.append(self._log_densities(block))
        by_gaussian = np.concatenate(by_block)
        first_of_class = np.searchsorted(self.classes, self.class_numbers)
        by_class: Doubles = np.logaddexp.reduceat(
            by_gaussian,
            first_of_class,
            axis=1,
        )
        return by_class

    def _log_densities(self, latents: Floats) -> Doubles:
        """Return each Gaussian's weighted log-density of latents, (batch, count)."""
        matrix, offset, log_heights = self._whitening
        count, size = self.means.shape
        columns = latents @ matrix - offset
        whitened = columns.reshape(len(latents), count, size)
        squares = np.einsum("nki,nki->nk", whitened, whitened)
        exponents = 0.5 * squares
        log_densities: Doubles = log_heights - exponents
        return log_densities

    @cached_property
    def _whitening(self) -> Whitening:
        """The maps that ``_log_densities`` applies, computed once."""
        count, size = self.means.shape
        inverses = np.linalg.inv(self.cholesky.astype(np.float64))
        columns = inverses.transpose(2, 0, 1)
        offsets = np.einsum("kij,kj->ki", inverses, self.means)

        diagonals = diagonals_of(self.cholesky)
        logarithms = np.log(diagonals, dtype=np.float64)
        log_weights = np.log(self.weights)
        log_volumes = logarithms.sum(axis=1)
        log_constant = 0.5 * size * math.log(2 * math.pi)
        return Whitening(
            matrix=columns.reshape(size, count * size),
            offset=offsets.reshape(-1),
            log_heights=log_weights - log_volumes - log_constant,
        )


def read_archive(content: bytes) -> dict[str, NDArray[Any]]:
    """Read the mixture's arrays, and the calibration's where there are any.

    Raises one of ``READ_ERRORS``.
    """
    with NpzFile(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in MIXTURE_ARRAYS}
        for name in CALIBRATION_ARRAYS:
            if name in archive:
                arrays[name] = archive[name]
    return arrays


def check_array(
    name: str,
    array: NDArray[Any],
    dtype: DTypeLike,
    shape: tuple[int, ...],
) -> None:
    """Raise ModelLoadError unless an array has this type and shape and is finite."""
    if array.dtype != dtype or array.shape != shape:
        expected = f"{np.dtype(dtype)} {shape}"
        raise ModelLoadError(f"{name} is {array.dtype} {array.shape}, not {expected}")
    if not np.isfinite(array).all():
        raise ModelLoadError(f"{name} has values that are not finite")


def diagonals_of(matrices: Floats) -> Floats:
    """Return the diagonals, (count, size), of matrices (count, size, size)."""
    diagonals: Floats = np.diagonal(matrices, axis1=1, axis2=2)
    return diagonals
