"""The wheel: it serves a model by itself, in an empty folder."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from tests.end_to_end.server import Log
from tests.samples import MODEL, REPOSITORY, card_examples

MAX_BYTES = 4_000_000


def run_python(*arguments: object) -> None:
    """Run a Python module in the checkout, and check that it succeeds."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    run_python("hatchling", "build", "--target", "wheel", "--directory", folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the wheel is installed in, without its dependencies."""
    folder = tmp_path_factory.mktemp("site")
    options = ("--no-deps", "--no-index", "--quiet", "--target", folder)
    run_python("pip", "install", *options, wheel)
    return folder


@pytest.fixture
def service(site: Path, tmp_path: Path) -> Iterator[str]:
    """URL of the installed service, started in an empty folder without settings."""
    with subprocess.Popen(
        [site / "bin" / "vae-service", "--port", "0"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(site)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        log = Log(process)
        try:
            yield log.wait_for(r"http://127\.0\.0\.1:\d+")[0]
        finally:
            process.terminate()
            process.wait(timeout=60)
            log.reader.join(timeout=60)


def test_the_wheel_has_at_most_4_megabytes(wheel: Path) -> None:
    """The model takes most of them."""
    assert wheel.stat().st_size <= MAX_BYTES


def test_the_wheel_contains_the_model_and_the_license(wheel: Path) -> None:
    """The model's files are those of the repository."""
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        for path in MODEL.iterdir():
            content = archive.read(f"service/models/mnist/{path.name}")
            assert content == path.read_bytes()

    licenses = [name for name in names if re.search(r"dist-info/.*LICENSE$", name)]
    assert len(licenses) == 1


def test_the_wheel_installs_both_commands(site: Path) -> None:
    """Each has help."""
    for command in ("vae-service", "vae-train"):
        done = subprocess.run(
            [site / "bin" / command, "--help"],
            env={"PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "usage" in done.stdout.lower()
    assert "Usage: vae-train" in done.stdout


def test_the_installed_service_reconstructs_a_digit(service: str) -> None:
    """Its model is the one in the wheel."""
    body = {"images": card_examples()[:1]}
    response = httpx.post(f"{service}/reconstruct", json=body, timeout=30)

    assert response.status_code == 200
    assert len(response.json()["images"]) == 1


def test_the_installed_service_has_the_playground(service: str) -> None:
    """The page and the files that it loads are in the wheel."""
    headers = {"Accept": "text/html"}
    page = httpx.get(service, headers=headers, timeout=30).text
    files = re.findall(r'(?:src|href)="(playground/[^"]+)"', page)

    assert len(files) == 3
    for file in files:
        assert httpx.get(f"{service}/{file}", timeout=30).status_code == 200
