"""Recipe files are read, and bad ones are rejected by name."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.samples import REPOSITORY
from training.fitting.recipe import Recipe, RecipeError, read_recipe

RECIPES = sorted((REPOSITORY / "training" / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_repositorys_recipes_can_be_read(path: Path) -> None:
    """Each begins with a comment on its result and differs from the defaults."""
    assert path.read_text().startswith("# ")
    assert Recipe(**read_recipe(path)) != Recipe()  # type: ignore[arg-type]  # read_recipe has checked the types


def test_an_integer_is_a_float(tmp_path: Path) -> None:
    """An integer is accepted for a float: C = 16 is valid."""
    path = tmp_path / "recipe.toml"
    path.write_text('c = 16\nobjective = "bernoulli"\n')

    assert read_recipe(path) == {"c": 16, "objective": "bernoulli"}


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    """Some editors begin UTF-8 files with one."""
    path = tmp_path / "recipe.toml"
    path.write_text("epochs = 3\n", encoding="utf-8-sig")

    assert read_recipe(path) == {"epochs": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = ", "is not a readable recipe"),
        ("\xff", "is not a readable recipe"),
        ("spechs = 3", "spechs is not one of network, objective,"),
        ("epochs = 1.5", "epochs = 1.5 is not of the type int"),
        ("epochs = true", "epochs = True is not of the type int"),
        ('binarize = "yes"', "binarize = 'yes' is not of the type bool"),
    ],
)
def test_a_bad_recipe_is_rejected_by_name(
    tmp_path: Path, text: str, message: str
) -> None:
    """The message names the file and the fault."""
    path = tmp_path / "bad.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(RecipeError, match=rf"bad\.toml.*{message}"):
        read_recipe(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("c", math.nan), ("averaging", math.nan), ("learning_rate", math.inf)],
)
def test_a_number_that_is_not_finite_is_rejected(name: str, value: float) -> None:
    """The message names the field."""
    with pytest.raises(RecipeError, match=f"{name} must be finite; is {value}"):
        replace(Recipe(), **{name: value})  # type: ignore[arg-type]  # all of them are floats


def test_a_missing_recipe_is_rejected_by_name(tmp_path: Path) -> None:
    """A missing file is reported like an unreadable one."""
    with pytest.raises(RecipeError, match=r"none\.toml is not a readable recipe"):
        read_recipe(tmp_path / "none.toml")
