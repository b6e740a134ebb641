"""Check that the packages are installed that only training needs."""

import sys
from importlib.util import find_spec
from pathlib import Path

COMMAND = "vae-train"
# Modules of the extra `training` in pyproject.toml.
MODULES = (
    "matplotlib",
    "onnx",
    "onnxscript",
    "rich",
    "scipy",
    "sklearn",
    "torch",
    "typer",
)


def check_requirements() -> None:
    """End the process with one line if a package is missing."""
    missing = [name for name in MODULES if find_spec(name) is None]
    if missing:
        raise SystemExit(
            f"error: {program_name()} needs packages that are not installed "
            f"({', '.join(missing)}): pip install 'vae-service[training]'"
        )


def program_name() -> str:
    """Return the command that the user has run."""
    return COMMAND if Path(sys.argv[0]).name == COMMAND else "python -m training"
