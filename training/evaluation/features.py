"""How well the posterior means serve as features: what a simple classifier makes of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from training.artifact.exported_model import Floats

NEIGHBORS = 15
PROBE_ITERATIONS = 1000  # far more than it needs

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FeatureQuality:
    """Share of the test digits told rightly from their posterior means, by classifiers fitted to the training digits'.

    nearest_neighbors_accuracy: by the majority of the 15 nearest means.
    linear_probe_accuracy: by logistic regression.
    """

    nearest_neighbors_accuracy: float
    linear_probe_accuracy: float


def feature_quality(
    train: tuple[Floats, Labels], test: tuple[Floats, Labels]
) -> FeatureQuality:
    """Measure the means (count, latent), each set beside its labels (count,)."""
    classifiers = [
        KNeighborsClassifier(NEIGHBORS, algorithm="brute"),
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=PROBE_ITERATIONS)),
    ]
    return FeatureQuality(
        *(
            float(classifier.fit(*train).score(*test))
            for classifier in track(
                classifiers, description="telling digits from latents"
            )
        )
    )
