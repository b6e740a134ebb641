"""The README says what the card says."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.samples import MODEL
from training.artifact.model_card import END, START, measures, write_measures


@pytest.fixture
def card() -> dict[str, Any]:
    """The shipped model's."""
    content: dict[str, Any] = json.loads((MODEL / "model.json").read_text())
    return content


def test_only_what_is_between_the_marks_is_written(
    card: dict[str, Any], tmp_path: Path
) -> None:
    """However often."""
    readme = tmp_path / "README.md"
    readme.write_text(f"Before.\n{START}old{END}After.\n")
    write_measures(tmp_path, card)
    write_measures(tmp_path, card)

    assert readme.read_text() == f"Before.\n{START}\n{measures(card)}\n{END}After.\n"


@pytest.mark.parametrize("text", [None, "No marks.\n", f"{START}No end.\n"])
def test_without_marks_nothing_is_written(
    card: dict[str, Any], tmp_path: Path, text: str | None
) -> None:
    """Nor is a README made."""
    readme = tmp_path / "README.md"
    if text:
        readme.write_text(text)
    write_measures(tmp_path, card)

    assert (readme.read_text() if readme.exists() else None) == text


def test_the_shipped_readme_has_the_cards_measures(card: dict[str, Any]) -> None:
    """Word for word."""
    assert measures(card) in (MODEL / "README.md").read_text()


def test_each_objective_has_its_own_row(card: dict[str, Any]) -> None:
    """A likelihood only where there is one; idle units only where there are some."""
    assert "negative log-likelihood" not in measures(card)
    assert "| uniform noise | 1.0000 | 100.0% |" in measures(card)

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
    }
    assert "| on 10,000 test digits | |" in measures(card)
    text = measures({**binarized, "training": {**card["training"], "binarize": True}})
    assert (
        "| negative log-likelihood of binarised digits, 5,000 importance samples | 88.80 nats |"
        in text
    )
    assert (
        "| negative ELBO of binarised digits, with binary cross-entropy; five draws |"
        in text
    )
    assert "| reconstruction lost with the other units at 0 | -0.01 nats |" in text
