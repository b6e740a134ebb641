"""Where the classes of the training data lie in the latent space: mixtures of Gaussians, to draw new latents from."""

import io
import math
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from service.model.errors import ModelLoadError
from service.model.noise import Doubles, normals

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

BLOCK = 16  # latents whose densities are computed at a time: what comes out stays in the processor's cache
GAUSSIANS = ("weights", "classes", "means", "cholesky")
CALIBRATION = ("anomaly_quantiles", "class_temperature")  # older archives lack them
READ_ERRORS = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, eq=False)
class LatentStatistics:
    """Gaussians in the latent space, each of one class; all of a class are its mixture. None: nothing is known.

    weights: float32 (count,), positive.
    classes: int64 (count,), the label that each Gaussian stands for, ascending.
    means: float32 (count, latent).
    cholesky: float32 (count, latent, latent), the lower Cholesky factors of the covariances.
    anomaly_quantiles: float32 (quantiles,), ascending: anomaly scores, see ``score``, that equal shares of new digits
        lie between; none where that was not measured.
    class_temperature: float32 (), positive: what log-densities are divided by to give probabilities of the classes.
    """

    weights: Floats
    classes: Labels
    means: Floats
    cholesky: Floats
    anomaly_quantiles: Floats = field(
        default_factory=lambda: np.empty(0, dtype=np.float32)
    )
    class_temperature: Floats = field(
        default_factory=lambda: np.ones((), dtype=np.float32)
    )

    @classmethod
    def unknown(cls, latent_size: int) -> Self:
        """No Gaussians, for a model that does not tell."""
        none = np.empty((0, latent_size, latent_size), dtype=np.float32)
        return cls(none[:, 0, 0], np.empty(0, dtype=np.int64), none[:, 0], none)

    @classmethod
    def read(cls, content: bytes, latent_size: int) -> Self:
        """The statistics in a NumPy archive, for latents of that length. Raises ModelLoadError."""
        try:
            with NpzFile(io.BytesIO(content), allow_pickle=False) as arrays:
                named = {name: arrays[name] for name in CALIBRATION if name in arrays}
                statistics = cls(*(arrays[name] for name in GAUSSIANS), **named)
        except READ_ERRORS as error:
            raise ModelLoadError(f"no archive of latent statistics: {error}") from error
        statistics.check(latent_size)
        return statistics

    def check(self, latent_size: int) -> None:
        """Refuse arrays of other types or shapes, and what is no mixture. Raises ModelLoadError."""
        count = self.weights.size
        for name, kind, shape in (
            ("weights", np.float32, (count,)),
            ("classes", np.int64, (count,)),
            ("means", np.float32, (count, latent_size)),
            ("cholesky", np.float32, (count, latent_size, latent_size)),
            ("anomaly_quantiles", np.float32, (self.anomaly_quantiles.size,)),
            ("class_temperature", np.float32, ()),
        ):
            array = getattr(self, name)
            if (
                array.dtype != kind
                or array.shape != shape
                or not np.isfinite(array).all()
            ):
                raise ModelLoadError(
                    f"{name} is {array.dtype} {array.shape} or not finite, not {np.dtype(kind)} {shape}"
                )
        if (self.weights <= 0).any() or (np.diff(self.classes) < 0).any():
            raise ModelLoadError(
                "the weights are not positive, or the classes not ascending"
            )
        if (np.diagonal(self.cholesky, axis1=1, axis2=2) <= 0).any():
            raise ModelLoadError(
                "a factor is no Cholesky factor: its diagonal is not positive"
            )
        if (np.diff(self.anomaly_quantiles) < 0).any() or self.class_temperature <= 0:
            raise ModelLoadError(
                "the anomaly quantiles are not ascending, or the class temperature not positive"
            )

    @property
    def labels(self) -> list[int]:
        """The classes that there are, ascending."""
        labels: list[int] = sorted(
            set(self.classes.tolist())
        )  # np.unique would import numpy.ma: a megabyte
        return labels

    def class_means(self, labels: Iterable[int]) -> Floats:
        """The mean of the mixture of each of these classes, float32 (labels, latent)."""
        means = [
            np.average(self.means[mine], axis=0, weights=self.weights[mine])
            for mine in (self.classes == label for label in labels)
        ]
        return np.array(means, dtype=np.float32)

    def draw(
        self, uniform: Doubles, labels: Labels | None, temperature: float
    ) -> Floats:
        """New latents (count, latent), of uniform numbers (count, 1 + 2 latent).

        ``labels`` (count,) asks for a class each; None lets the weights of all decide. The noise within each Gaussian
        is scaled by ``temperature``. Summed in one order, in doubles, so that the bits are the same on any machine.
        """
        first = (
            0 if labels is None else np.searchsorted(self.classes, labels, side="left")
        )
        last = (
            len(self.classes)
            if labels is None
            else np.searchsorted(self.classes, labels, side="right")
        )
        edges = np.cumsum([0.0, *self.weights.tolist()])
        place = edges[first] + uniform[:, 0] * (edges[last] - edges[first])
        chosen = np.clip(
            np.searchsorted(edges, place, side="right") - 1, first, np.subtract(last, 1)
        )
        latents: Doubles = self.means[chosen].astype(np.float64)
        for axis, noise in enumerate(temperature * normals(uniform[:, 1:]).T):
            latents += self.cholesky[chosen, :, axis] * noise[:, np.newaxis]
        return latents.astype(np.float32)

    def class_log_densities(self, latents: Floats) -> Doubles:
        """The log p(class) p(z|class) in nats, (batch, classes), of latents (batch, latent); classes as ``labels``."""
        firsts = np.searchsorted(self.classes, self.labels)
        blocks = [
            latents[start : start + BLOCK] for start in range(0, len(latents), BLOCK)
        ]
        by_class: Doubles = np.logaddexp.reduceat(
            np.concatenate([*map(self._log_densities, blocks)]), firsts, axis=1
        )
        return by_class

    def _log_densities(self, latents: Floats) -> Doubles:
        """Each Gaussian's share of that, (batch, count)."""
        matrix, offset, heights = self._whitening
        whitened = (latents @ matrix - offset).reshape(len(latents), *self.means.shape)
        log_densities: Doubles = heights - 0.5 * np.einsum(
            "nki,nki->nk", whitened, whitened
        )
        return log_densities

    @cached_property
    def _whitening(self) -> tuple[Doubles, Doubles, Doubles]:
        """What turns a latent into each Gaussian's standard normal, and the logarithm of each one's height."""
        count, size = self.means.shape
        inverses = np.linalg.inv(self.cholesky.astype(np.float64))
        matrix = inverses.transpose(2, 0, 1).reshape(size, count * size)
        offset = np.einsum("kij,kj->ki", inverses, self.means).reshape(-1)
        volumes = np.log(
            np.diagonal(self.cholesky, axis1=1, axis2=2), dtype=np.float64
        ).sum(axis=1)
        return (
            matrix,
            offset,
            np.log(self.weights) - volumes - 0.5 * size * math.log(2 * math.pi),
        )
