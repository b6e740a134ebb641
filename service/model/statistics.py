"""Where the classes of the training data lie in the latent space: mixtures of Gaussians, to draw new latents from."""

import io
import zipfile
import zlib
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from service.model.errors import ModelLoadError
from service.model.noise import Doubles, normals

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

READ_ERRORS = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, slots=True, eq=False)
class LatentStatistics:
    """Gaussians in the latent space, each of one class; all of a class are its mixture. None: nothing is known.

    weights: float32 (count,), positive.
    classes: int64 (count,), the label that each Gaussian stands for, ascending.
    means: float32 (count, latent).
    factors: float32 (count, latent, latent), the lower Cholesky factors of the covariances.
    """

    weights: Floats
    classes: Labels
    means: Floats
    factors: Floats

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
                statistics = cls(**{name: arrays[name] for name in cls.__slots__})
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
            ("factors", np.float32, (count, latent_size, latent_size)),
        ):
            array = getattr(self, name)
            if array.dtype != kind or array.shape != shape or not np.isfinite(array).all():
                raise ModelLoadError(
                    f"{name} is {array.dtype} {array.shape} or not finite, not {np.dtype(kind)} {shape}"
                )
        if (self.weights <= 0).any() or (np.diff(self.classes) < 0).any():
            raise ModelLoadError("the weights are not positive, or the classes not ascending")

    @property
    def labels(self) -> list[int]:
        """The classes that there are, ascending."""
        labels: list[int] = np.unique(self.classes).tolist()
        return labels

    def class_means(self) -> Floats:
        """The mean of each class in the latent space, float32 (classes, latent), in the order of ``labels``."""
        means = [
            np.average(self.means[mine], axis=0, weights=self.weights[mine])
            for mine in (self.classes == label for label in self.labels)
        ]
        return np.array(means, dtype=np.float32)

    def draw(self, uniform: Doubles, labels: Labels | None, temperature: float) -> Floats:
        """New latents (count, latent), of uniform numbers (count, 1 + 2 latent).

        ``labels`` (count,) asks for a class each; None lets the weights of all decide. The noise within each Gaussian
        is scaled by ``temperature``. Summed in one order, in doubles, so that the bits are the same on any machine.
        """
        first = 0 if labels is None else np.searchsorted(self.classes, labels, side="left")
        last = len(self.classes) if labels is None else np.searchsorted(self.classes, labels, side="right")
        edges = np.cumsum([0.0, *self.weights.tolist()])
        place = edges[first] + uniform[:, 0] * (edges[last] - edges[first])
        chosen = np.clip(np.searchsorted(edges, place, side="right") - 1, first, np.subtract(last, 1))
        latents: Doubles = self.means[chosen].astype(np.float64)
        for axis, noise in enumerate(temperature * normals(uniform[:, 1:]).T):
            latents += self.factors[chosen, :, axis] * noise[:, np.newaxis]
        return latents.astype(np.float32)
