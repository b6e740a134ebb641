"""Training without the packages that only it needs."""

import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement

from tests.samples import REPOSITORY
from training.requirements import MODULES

PROGRAM = """
import runpy, sys
for name in sys.argv.pop().split():
    sys.modules[name] = None  # as if it were not installed
sys.argv[0] = sys.argv.pop()
runpy.run_module("training", run_name="__main__", alter_sys=False)
"""
PACKAGES = {"sklearn": "scikit-learn"}  # that are not called as their modules


def test_all_packages_of_the_extra_are_checked() -> None:
    """pyproject.toml lists them."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extra = map(Requirement, project["optional-dependencies"]["training"])
    checked = {PACKAGES.get(module, module) for module in MODULES}

    assert checked == {requirement.name for requirement in extra}


@pytest.mark.parametrize(
    ("program", "name"),
    [("/bin/vae-train", "vae-train"), ("training/__main__.py", "python -m training")],
)
@pytest.mark.parametrize("missing", ["torch", "typer", "rich typer torch"])
def test_a_missing_package_is_one_line_and_exit_code_1(
    program: str, name: str, missing: str
) -> None:
    """The line has the command that installs it."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, program, missing],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    listed = ", ".join(sorted(missing.split()))
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {name} needs packages that are not installed ({listed}): "
        "pip install 'vae-service[training]'\n"
    )
