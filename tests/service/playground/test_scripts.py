"""Unit tests of the scripts, by node's own test runner."""

import shutil
import subprocess
from pathlib import Path

from service.playground.files import FOLDER

TESTS = Path(__file__).parent / "scripts.test.js"


def test_scripts(node: str, tmp_path: Path) -> None:
    """All tests in scripts.test.js pass."""
    shutil.copytree(FOLDER, tmp_path / "static")
    shutil.copy(TESTS, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')  # for node
    done = subprocess.run(
        [node, "--test", TESTS.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
