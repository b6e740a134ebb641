"""Conventions of the source that no linter checks."""

import ast
import json
import re
from pathlib import Path

import pytest

from tests.samples import REPOSITORY


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "service").rglob("*.py")), ids=lambda path: path.stem
)
def test_only_settings_read_the_environment(path: Path) -> None:
    """Other files only set the variables of ONNX Runtime and of numpy's BLAS."""
    source = path.read_text()

    assert "getenv" not in source
    assert "os.environ.get" not in source
    if path.name != "settings.py":
        assignments = re.findall(r'os\.environ\["[A-Z_]+"\] = "1"', source)
        assert source.count("os.environ") == len(assignments)


def test_no_size_of_a_model_is_written_in_the_service() -> None:
    """28, 784 and 32 come from the model card."""
    for path in (REPOSITORY / "service").rglob("*.py"):
        tree = ast.parse(path.read_text())
        constants = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)
        }
        assert not constants & {28, 784, 32}, path


def source_trees() -> list[tuple[Path, ast.Module]]:
    """Return each file of the service with its syntax tree."""
    paths = sorted((REPOSITORY / "service").rglob("*.py"))
    return [(path, ast.parse(path.read_text())) for path in paths]


def identifiers(tree: ast.Module) -> set[str]:
    """Return all names, attributes, parameters and definitions in a file."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                found.add(name)
            case ast.arg(arg=name) | ast.FunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
    return found


def test_no_class_of_a_model_is_written_in_the_service() -> None:
    """Neither a name of a class nor the word digit, but for those of a number."""
    names = {
        label["name"]
        for card in (REPOSITORY / "models").glob("*/model.json")
        for label in json.loads(card.read_text())["labels"]
        if not label["name"].isdigit()  # "1" is also a version
    }
    for path, tree in source_trees():
        texts = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not texts & names, path
        named = {name for name in identifiers(tree) if "digit" in name.lower()}
        assert named <= {"isdigit", "all_digits"}, path


def test_only_imaging_and_the_card_know_numbers_of_channels() -> None:
    """Others compare no number of channels with a constant, nor name Pillow's modes."""
    for path, tree in source_trees():
        if path.parent.name == "imaging" or path.name == "card.py":
            continue
        assert "MODES" not in identifiers(tree), path
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare):
                compared = ast.unparse(node)
                assert "channels" not in compared, (path, compared)
