"""Conventions of the source that no linter holds."""

import ast
import re
from pathlib import Path

import pytest

from tests.samples import REPOSITORY


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "service").rglob("*.py")), ids=lambda path: path.stem
)
def test_only_settings_read_the_environment(path: Path) -> None:
    """The switches of ONNX Runtime and of numpy's BLAS are set, not read."""
    source = path.read_text()

    assert "getenv" not in source
    assert "os.environ.get" not in source
    if path.name != "settings.py":
        assert source.count("os.environ") == len(
            re.findall(r'os\.environ\["[A-Z_]+"\] = "1"', source)
        )


def test_no_size_of_a_model_is_written_in_the_service() -> None:
    """28, 784 and 32 are the card's to say."""
    for path in (REPOSITORY / "service").rglob("*.py"):
        numbers = {
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant)
        }
        assert not numbers & {28, 784, 32}, path
