"""Manifests as kubectl renders them, held against the schemas of Kubernetes' API."""

import subprocess
from os.path import relpath
from pathlib import Path

import pytest
import yaml

from service.settings import Settings
from tests.deployment.conftest import KubernetesTools
from tests.deployment.manifests import (
    BASE,
    COMPONENTS,
    DEPLOY,
    Document,
    deployed_pod,
    of_kind,
    variables,
)

# A version that is out of support, and the newest that can be checked.
VERSIONS = ("1.33", "1.37")
# Kinds of operators, whose schemas Kubernetes' API does not contain.
CUSTOM_KINDS = {
    *("PrometheusRule", "ServiceMonitor"),
    *("InferenceService", "ServingRuntime"),
}
FOLDERS = sorted(it.parent for it in DEPLOY.rglob("kustomization.yaml"))
OF_KUBERNETES = [it for it in FOLDERS if it.is_relative_to(DEPLOY / "kubernetes")]


def name_of(folder: Path) -> str:
    """Return a folder's path in deploy/."""
    return str(folder.relative_to(DEPLOY))


def render(tools: KubernetesTools, folder: Path, scratch: Path) -> str:
    """Render a folder; a component with the base, because it cannot be alone."""
    if folder.is_relative_to(COMPONENTS):
        folder = with_base([folder], scratch)
    command = [str(tools.kubectl), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr
    return done.stdout


def with_base(components: list[Path], scratch: Path) -> Path:
    """Write a folder of the base with components, as a user would; return it."""
    folders = [relpath(component, scratch) for component in components]
    kustomization = {"resources": [relpath(BASE, scratch)], "components": folders}
    (scratch / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return scratch


def validate(tools: KubernetesTools, path: Path, version: str) -> str:
    """Return the schema checker's output; unknown fields are errors."""
    command = [str(tools.validate), "--strict", "-k", version, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_rendered_objects_follow_the_schemas(
    kubernetes_tools: KubernetesTools, tmp_path: Path, folder: Path
) -> None:
    """All that are Kubernetes' own; fields that it does not know are errors."""
    text = render(kubernetes_tools, folder, tmp_path)
    path = tmp_path / "rendered.yaml"
    path.write_text(text)
    kinds = [document["kind"] for document in yaml.safe_load_all(text)]
    own_kinds = [kind for kind in kinds if kind not in CUSTOM_KINDS]

    for version in VERSIONS:
        output = validate(kubernetes_tools, path, version)
        assert output.count("passed for resource") == len(own_kinds), output


def test_a_misspelt_field_breaks_the_schema(
    kubernetes_tools: KubernetesTools, tmp_path: Path
) -> None:
    """So that the checks above can fail."""
    text = render(kubernetes_tools, BASE, tmp_path)
    path = tmp_path / "rendered.yaml"
    path.write_text(text.replace("readOnlyRootFilesystem", "readOnlyRootFileSystem"))

    assert "readOnlyRootFileSystem" in validate(kubernetes_tools, path, VERSIONS[-1])


@pytest.mark.parametrize("folder", OF_KUBERNETES, ids=name_of)
def test_rendered_pods_stay_locked_down(
    kubernetes_tools: KubernetesTools, tmp_path: Path, folder: Path
) -> None:
    """Patches keep the base's privileges, and name settings once."""
    documents = list(yaml.safe_load_all(render(kubernetes_tools, folder, tmp_path)))
    pod = deployed_pod(documents)
    names = [variable.name for variable in variables(documents)]

    assert pod.containers[0].security_context.read_only_root_filesystem
    assert not pod.enable_service_links
    assert len(names) == len(set(names))
    for name in names:
        assert name.removeprefix("VAE_").lower() in Settings.model_fields
    for mount in mounts(documents):
        assert mount["readOnly"]


def test_a_component_goes_with_monitoring(
    kubernetes_tools: KubernetesTools, tmp_path: Path
) -> None:
    """Variables and volumes of both are there."""
    names = ("monitoring", "model-image")
    folder = with_base([COMPONENTS / name for name in names], tmp_path)
    text = render(kubernetes_tools, folder, tmp_path)
    found = {it.name for it in variables(list(yaml.safe_load_all(text)))}

    assert {"VAE_METRICS_WITHOUT_KEY", "VAE_MODEL", "VAE_API_KEYS"} <= found


def mounts(documents: list[Document]) -> list[Document]:
    """Return the mounts of the Deployment's container."""
    pod = of_kind(documents, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return container.get("volumeMounts", [])  # type: ignore[no-any-return]  # YAML
