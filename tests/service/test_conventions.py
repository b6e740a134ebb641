"""Conventions of the source that no linter checks."""

import ast
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
