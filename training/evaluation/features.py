"""Quality of the posterior means as features: accuracy of simple classifiers."""

from dataclasses import dataclass
from typing import Any

from rich.progress import track
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from training.artifact.exported_model import Floats
from training.artifact.inference import Autoencoder, posterior_means
from training.artifact.latent_mixture import Labels
from training.data.images import LabelledImages

NEIGHBORS = 15
PROBE_ITERATIONS = 1000  # an upper limit; far fewer are needed


@dataclass(frozen=True, slots=True)
class FeatureQuality:
    """Accuracy on test images of classifiers fitted to training images' means.

    knn_accuracy: of k-NN with k = 15.
    linear_probe_accuracy: of logistic regression.
    Both are None where the training images are of one class.
    """

    knn_accuracy: float | None
    linear_probe_accuracy: float | None


@dataclass(frozen=True, slots=True)
class LabelledMeans:
    """Posterior means (count, latent) and their labels (count,)."""

    means: Floats
    labels: Labels


def feature_quality(
    model: Autoencoder,
    train: LabelledImages,
    test: LabelledImages,
) -> FeatureQuality:
    """Measure the posterior means of a model as features."""
    if not train.has_classes:
        return FeatureQuality(None, None)
    train_means = labelled_means(model, train)
    test_means = labelled_means(model, test)
    return probe(train_means, test_means)


def labelled_means(model: Autoencoder, images: LabelledImages) -> LabelledMeans:
    """Encode images."""
    means = posterior_means(model, images)
    return LabelledMeans(means.numpy(), images.labels.numpy())


def probe(train: LabelledMeans, test: LabelledMeans) -> FeatureQuality:
    """Fit both classifiers to ``train`` and return their accuracy on ``test``."""
    count = min(NEIGHBORS, len(train.labels))
    neighbors = KNeighborsClassifier(count, algorithm="brute")
    regression = LogisticRegression(max_iter=PROBE_ITERATIONS)
    linear_probe = make_pipeline(StandardScaler(), regression)

    def accuracy(classifier: Any) -> float:  # noqa: ANN401 - scikit-learn has no types
        classifier.fit(train.means, train.labels)
        score = classifier.score(test.means, test.labels)
        return float(score)

    classifiers = [neighbors, linear_probe]
    progress = track(classifiers, description="classifying latents")
    accuracies = [accuracy(classifier) for classifier in progress]
    return FeatureQuality(*accuracies)
