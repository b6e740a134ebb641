"""Evaluation completes the card and the README, and refuses too few digits."""

import json
from dataclasses import asdict

import pytest

from training.artifact.exported_model import ExportedModel
from training.artifact.readme import END, START
from training.data.errors import DataError
from training.data.images import LabelledImages
from training.evaluation import evaluate as evaluation
from training.evaluation.autoencoder_quality import autoencoder_quality
from training.evaluation.classifier import Classifier
from training.evaluation.evaluate import check, evaluate


def test_the_result_is_written_to_card_and_readme(
    model: ExportedModel,
    train_digits: LabelledImages,
    test_digits: LabelledImages,
    classifier: Classifier,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rest of the card is unchanged; a second run gives the same card.

    Only the measured time of an image may differ, so it is fixed here.
    """
    monkeypatch.setattr(evaluation, "milliseconds_per_image", lambda _: 0.5)
    before = model.card
    readme = model.folder / "README.md"
    readme.write_text(f"Before.\n{START}{END}After.\n")
    card = evaluate(model, train_digits, test_digits, classifier)

    assert json.loads((model.folder / "model.json").read_text()) == card
    cost = before["cost"] | {"milliseconds_per_image": 0.5}
    detection = card["inspection"]["quality"]
    inspection = before["inspection"] | {"quality": detection}
    rest = before | {"cost": cost, "inspection": inspection}
    assert {**card, "quality": None} == rest
    assert detection["good_images"] == 500
    assert "uniform noise" in detection["auroc_by_defect"]
    quality = asdict(autoencoder_quality(model, test_digits))
    assert card["quality"].items() > quality.items()
    assert card["quality"]["split"] == "test"
    assert card["quality"]["negative_log_likelihood"] is None
    assert card["quality"]["anomalies"]["images"] == 500
    assert "| samples by class |" in readme.read_text()
    assert "| inspection | AUROC |" in readme.read_text()
    assert (
        evaluate(ExportedModel(model.folder), train_digits, test_digits, classifier)
        == card
    )


def test_too_few_digits_are_refused(
    model: ExportedModel,
    train_digits: LabelledImages,
    test_digits: LabelledImages,
    classifier: Classifier,
) -> None:
    """The card is not changed; 100 digits are enough."""
    with pytest.raises(
        DataError,
        match="at least 100 training and 100 test digits: found 512 and 99",
    ):
        evaluate(model, train_digits, test_digits.first(99), classifier)

    assert ExportedModel(model.folder).card["quality"] is None
    check(model, train_digits, test_digits.first(100))
