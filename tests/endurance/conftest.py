"""Models that the endurance tests run with, and a program."""

import os
import subprocess

import pytest

from tests.conftest import find_program
from tests.endurance.models import MODELS, LoadedModel


@pytest.fixture(scope="session", params=MODELS)
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> LoadedModel:
    """Model of digits, and one of which an image takes 100 times as long."""
    return MODELS[request.param](tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def ip_netns() -> str:
    """Path of ``ip``, where it may create network namespaces."""
    path = find_program("ip", "iproute2")
    if os.geteuid() != 0 or subprocess.run([path, "netns"], check=False).returncode:
        pytest.skip("only root may create network namespaces")
    return path
