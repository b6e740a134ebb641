"""Fixtures for all tests, among them the programs and data sets that some need."""

import os
import shutil
import subprocess
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import settings

from tests.samples import DATA, FakeAutoencoder
from training.data.images import LabelledImages
from training.data.mnist import FASHION_FOLDER, DataSource

SAMPLE = DataSource(
    name="sample",
    files={
        "train-images-idx3-ubyte": "dc15d0b5d1b0c2e3735e17f364421a17ca95485dfe2e28bf4e8cc1c45b02bb2f",
        "train-labels-idx1-ubyte": "ac62e054281959338268df783398afca3e2244b1de6612e7140bd02995181396",
        "t10k-images-idx3-ubyte": "de7c252b04f05e1f8309634180ccdf286dc6dbac8c579b74e76e02ae0331ca52",
        "t10k-labels-idx1-ubyte": "832c0d20f0dc42e575488c75a83a970787d4c8d4d05831b2ef03701b4a478a90",
    },
    mirrors=(),
)

# Fixtures that need more than Python. A test that uses one gets the marker `extras`,
# is left out of `make test`, and fails where the program or data set is missing.
EXTRAS = {
    "chromium",
    "docker",
    "fashion_mnist_folder",
    "haproxy",
    "ip_netns",
    "kubernetes_tools",
    "kserve_python",
    "mnist_folder",
    "nginx",
    "node",
    "node_modules",
    "openapi_generator",
    "promtool",
    "systemd_analyze",
}
GENERATOR_PACKAGES = (
    *("openapi-generator-cli==7.26.0", "pydantic>=2.11,<3", "python-dateutil>=2.8,<3"),
    *("typing-extensions>=4.7", "urllib3>=2.7,<3"),
)
KSERVE_PACKAGE = "kserve==0.21.0"
CALLER = dict(os.environ)  # before pytest_configure hides some of it
HIDDEN_VARIABLES = {"MNIST_DIR", "MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"}

# The same cases in each run, and no deadline, so that tests pass on slow machines.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
# One thread adds numbers in the same order on every machine.
torch.set_num_threads(1)


def pytest_configure(config: pytest.Config) -> None:
    """Hide the user's home folder, data sets and settings of the service."""
    os.environ.setdefault("DOCKER_CONFIG", str(Path.home() / ".docker"))
    home = TemporaryDirectory(prefix="vae-service-home-")
    config.add_cleanup(home.cleanup)
    os.environ["HOME"] = home.name
    for name in CALLER:
        if name in HIDDEN_VARIABLES or name.startswith("VAE_"):
            del os.environ[name]


@pytest.hookimpl(tryfirst=True)  # before pytest selects tests by their markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need more than Python."""
    for item in items:
        if isinstance(item, pytest.Function) and EXTRAS & set(item.fixturenames):
            item.add_marker("extras")


@pytest.fixture(scope="session", autouse=True)
def _no_fashion_mnist() -> Iterator[None]:
    """Hide Fashion-MNIST, whether or not Debian's package is installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.data.mnist.FASHION_FOLDER", Path("missing"))
        yield


def find_program(name: str, package: str) -> str:
    """Return the path of a program, or fail with the Debian package to install."""
    path = f"{os.environ['PATH']}:/usr/sbin"  # not on every user's PATH
    found = shutil.which(name, path=path)
    if found is None:
        pytest.fail(
            f"{name} is not installed: apt-get install {package}", pytrace=False
        )
    return found


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of Chromium."""
    return find_program("chromium", "chromium")


@pytest.fixture(scope="session")
def docker() -> str:
    """Path of Docker's client, which the variable DOCKER may name."""
    return find_program(CALLER.get("DOCKER", "docker"), "docker.io")


@pytest.fixture(scope="session")
def haproxy() -> str:
    """Path of HAProxy."""
    return find_program("haproxy", "haproxy")


@pytest.fixture(scope="session")
def nginx() -> str:
    """Path of nginx."""
    return find_program("nginx", "nginx-light")


@pytest.fixture(scope="session")
def node() -> str:
    """Path of Node.js."""
    return find_program("node", "nodejs")


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the npm packages in package.json, installed without their scripts."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("npm")
    shutil.copy(Path(__file__).parent / "end_to_end" / "package.json", folder)
    command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund"]
    caller = {"HOME": CALLER.get("HOME", "")}  # npm's own settings are there
    environment = {**os.environ, **caller}
    if subprocess.run(command, cwd=folder, env=environment, check=False).returncode:
        pytest.skip("npm cannot install the packages")
    return folder / "node_modules"


@dataclass(frozen=True)
class OpenapiGenerator:
    """openapi-generator, and what its clients need.

    python: an interpreter with the packages that its Python clients import.
    jar: the program, with the libraries that its Java clients import.
    java, javac: of a JDK.
    """

    python: Path
    jar: Path
    java: str
    javac: str


@pytest.fixture(scope="session")
def openapi_generator(tmp_path_factory: pytest.TempPathFactory) -> OpenapiGenerator:
    """openapi-generator, as PyPI has it, in an environment of its own."""
    package = "default-jdk-headless"
    java, javac = (find_program(name, package) for name in ("java", "javac"))
    folder = tmp_path_factory.mktemp("openapi-generator")
    python = python_with(folder, *GENERATOR_PACKAGES)
    (jar,) = folder.rglob("openapi-generator.jar")
    return OpenapiGenerator(python, jar, java, javac)


@pytest.fixture(scope="session")
def kserve_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with KServe's SDK."""
    return python_with(tmp_path_factory.mktemp("kserve"), KSERVE_PACKAGE)


def python_with(folder: Path, *packages: str) -> Path:
    """Return an interpreter with packages of PyPI, in an environment of its own.

    Skip the test if they cannot be installed.
    """
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    caller = {"HOME": CALLER.get("HOME", "")}  # pip's own settings are there
    command = [str(python), "-m", "pip", "install", "--quiet", *packages]
    if subprocess.run(command, env={**os.environ, **caller}, check=False).returncode:
        pytest.skip(f"pip cannot install {packages[0]}")
    return python


@pytest.fixture(scope="session")
def promtool() -> str:
    """Path of Prometheus's checker."""
    return find_program("promtool", "prometheus")


@pytest.fixture(scope="session")
def fashion_mnist_folder() -> Path:
    """Folder of Fashion-MNIST, from Debian's package."""
    if not FASHION_FOLDER.exists():
        message = f"{FASHION_FOLDER} is missing: apt-get install dataset-fashion-mnist"
        pytest.fail(message, pytrace=False)
    return FASHION_FOLDER


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """Folder of all of MNIST, which the variable MNIST_DIR names."""
    if "MNIST_DIR" not in CALLER:
        message = "MNIST_DIR is not set: set it to a folder with MNIST's four IDX files"
        pytest.fail(message, pytrace=False)
    return Path(CALLER["MNIST_DIR"])


@pytest.fixture(scope="session")
def source() -> DataSource:
    """512 training and 1,000 test digits of MNIST."""
    return SAMPLE


@pytest.fixture(scope="session")
def train_digits() -> LabelledImages:
    """512 training digits."""
    return SAMPLE.load("train", DATA)


@pytest.fixture(scope="session")
def test_digits() -> LabelledImages:
    """1,000 test digits."""
    return SAMPLE.load("t10k", DATA)


@pytest.fixture
def autoencoder() -> FakeAutoencoder:
    """Fake autoencoder whose reconstructions are the images."""
    return FakeAutoencoder()


@pytest.fixture
def random() -> np.random.Generator:
    """Random numbers, the same in each test."""
    return np.random.default_rng(0)
