"""The README's tables state the card's figures."""

import json
from typing import Any

import pytest

from tests.samples import MODEL
from training.evaluation.model_readme import measures


@pytest.fixture
def card() -> dict[str, Any]:
    """Return the shipped model's card."""
    content: dict[str, Any] = json.loads((MODEL / "model.json").read_text())
    return content


def test_the_shipped_readme_has_the_cards_measures(card: dict[str, Any]) -> None:
    """The generated tables are in the committed README, character by character."""
    assert measures(card) in (MODEL / "README.md").read_text()


def test_a_model_with_squared_error_has_no_likelihood(card: dict[str, Any]) -> None:
    """Nor has it a row for inactive units when all are active."""
    text = measures(card)

    assert "| on 10,000 test images |  |" in text
    assert "| uniform noise | 1.0000 | 100.0% |" in text
    assert "negative log-likelihood" not in text
    assert "inactive units" not in text


def test_a_binarised_model_has_rows_of_its_own(card: dict[str, Any]) -> None:
    """It has a likelihood; inactive units have a row where there are some."""
    quality = {
        **card["quality"],
        "negative_log_likelihood": 88.8,
        "active_units": 20,
        "inactive_units_loss": -0.01,
    }
    binarized = {
        **card,
        "quality": quality,
        "objective": {"name": "bernoulli", "c": None},
        "training": {**card["training"], "binarize": True},
    }
    text = measures(binarized)

    assert (
        "| negative log-likelihood of binarised images, 5,000 importance samples "
        "| 88.80 nats |" in text
    )
    assert (
        "| negative ELBO of binarised images, with binary cross-entropy; "
        "mean of five draws |" in text
    )
    assert (
        "| increase of the reconstruction loss with inactive units set to 0 "
        "| -0.01 nats |" in text
    )
