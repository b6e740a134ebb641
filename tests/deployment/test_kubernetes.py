"""Manifests for Kubernetes and KServe fit the service, its settings and its image."""

import re
from pathlib import Path

import pytest

from service.settings import PREFIX, Settings
from tests.deployment.manifests import (
    BASE,
    COMPONENTS,
    DEPLOY,
    KSERVE,
    Pod,
    deployed_pod,
    of_kind,
    read,
    runtime_pod,
    variables,
)
from tests.end_to_end.server import serve
from tests.samples import MODEL, REPOSITORY

MANIFESTS = sorted(DEPLOY.rglob("*.yaml"))
LABELS = {"app.kubernetes.io/name": "vae-service"}
ALERTS = REPOSITORY / "monitoring" / "prometheus" / "alerts.yml"
# Kubernetes removes a pod from its Service, and proxies follow, within about this time.
ENDPOINT_SECONDS = 5

each_pod = pytest.mark.parametrize(
    "pod",
    [
        pytest.param(deployed_pod(read(BASE / "deployment.yaml")), id="kubernetes"),
        pytest.param(runtime_pod(), id="kserve"),
    ],
)


@pytest.fixture(scope="module")
def image() -> dict[str, str]:
    """Environment variables of the service's image, and its user as USER."""
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    stage = dockerfile.rpartition(" AS service\n")[2]
    found = dict(re.findall(r"\b([A-Z_]+)=(\S+)", stage))
    (found["USER"],) = re.findall(r"^USER (\S+)$", stage, re.MULTILINE)
    return found


@pytest.mark.parametrize(
    "manifest", MANIFESTS, ids=[str(it.relative_to(DEPLOY)) for it in MANIFESTS]
)
def test_each_variable_is_a_setting_with_a_valid_value(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service would not start otherwise."""
    for variable in variables(read(manifest)):
        name = variable.name.removeprefix(PREFIX).lower()
        assert name in Settings.model_fields
        monkeypatch.setenv(variable.name, variable.value or "")

    Settings()


@each_pod
def test_the_container_listens_where_the_manifest_says(
    pod: Pod, image: dict[str, str]
) -> None:
    """On all addresses, and on the container's port, which the probes use as well."""
    (container,) = pod.containers
    (port,) = container.ports
    effective = image | container.variables

    assert effective["VAE_HOST"] == "0.0.0.0"  # noqa: S104 - a pod's own network
    assert int(effective["VAE_PORT"]) == port.container_port
    for probe in container.probes:
        assert probe.http_get.port in {port.name, port.container_port}


@each_pod
def test_probes_and_metrics_are_served(pod: Pod) -> None:
    """With the manifest's variables and an API key, which probes do not send."""
    (container,) = pod.containers
    chosen = container.variables | {
        "VAE_MODEL": str(MODEL),
        "VAE_DRAIN_DELAY_SECONDS": "0",
        "VAE_API_KEYS": "a-key-of-this-test",
        "VAE_METRICS_WITHOUT_KEY": "true",
    }
    paths = {probe.http_get.path for probe in container.probes} | {"/metrics"}

    with serve(**chosen) as server, server.client() as client:
        for path in paths:
            assert client.get(path).status_code == 200
        assert client.get("/model").status_code == 401


@each_pod
def test_a_pod_has_no_privilege(pod: Pod, image: dict[str, str]) -> None:
    """The image's user is a number, which is what runAsNonRoot needs.

    Without runAsUser, a cluster may assign another user.
    """
    (container,) = pod.containers
    own = container.security_context
    contexts = (own, pod.security_context)

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", image["USER"])
    assert any(it.run_as_non_root for it in contexts)
    assert all(it.run_as_user is None for it in contexts)
    assert any(it.seccomp_profile == {"type": "RuntimeDefault"} for it in contexts)
    assert own.capabilities == {"drop": ["ALL"]}
    assert own.read_only_root_filesystem
    assert not own.allow_privilege_escalation
    assert not own.privileged
    assert not pod.automount_service_account_token


@each_pod
def test_other_services_of_the_namespace_are_not_taken_for_settings(pod: Pod) -> None:
    """Kubernetes would set VAE_SERVICE_PORT for the Service vae-service."""
    assert not pod.enable_service_links


@each_pod
def test_a_pod_has_one_core_and_limited_memory(pod: Pod) -> None:
    """Requests equal limits, so the pod is the last that a full node evicts."""
    (container,) = pod.containers

    assert container.resources["limits"] == {"cpu": "1", "memory": "1Gi"}
    assert container.resources["requests"] == container.resources["limits"]


@each_pod
def test_the_grace_period_fits_the_drain(pod: Pod) -> None:
    """Readiness fails and endpoints go within the delay; SIGKILL comes after all."""
    (container,) = pod.containers
    delay = int(container.variables["VAE_DRAIN_DELAY_SECONDS"])
    grace = int(container.variables["VAE_DRAIN_GRACE_SECONDS"])
    probe = container.readiness_probe
    notice = probe.failure_threshold * probe.period_seconds + probe.timeout_seconds

    assert delay > max(notice, ENDPOINT_SECONDS)
    assert pod.termination_grace_period_seconds >= delay + grace + 5


def test_objects_select_the_deployed_pods() -> None:
    """Service, budget, autoscaler, policy and monitor; ports have the same name."""
    (deployment,) = read(BASE / "deployment.yaml")
    (service,) = read(BASE / "service.yaml")
    (budget,) = read(BASE / "disruption-budget.yaml")
    (policy,) = read(BASE / "network-policy.yaml")
    (autoscaler,) = read(BASE / "autoscaler.yaml")
    (monitor,) = read(COMPONENTS / "monitoring" / "service-monitor.yaml")
    target = autoscaler["spec"]["scaleTargetRef"]

    assert deployment["spec"]["template"]["metadata"]["labels"] == LABELS
    assert deployment["spec"]["selector"]["matchLabels"] == LABELS
    assert service["spec"]["selector"] == LABELS
    assert budget["spec"]["selector"]["matchLabels"] == LABELS
    assert policy["spec"]["podSelector"]["matchLabels"] == LABELS
    assert (target["kind"], target["name"]) == ("Deployment", "vae-service")
    assert monitor["spec"]["selector"]["matchLabels"] == service["metadata"]["labels"]
    assert (
        monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    )


def test_several_models_are_those_of_the_image() -> None:
    """Their folder is where the Dockerfile copies it, and has the default model."""
    patch = read(COMPONENTS / "several-models" / "patch.yaml")
    chosen = {variable.name: variable.value for variable in variables(patch)}
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    default = str(chosen["VAE_DEFAULT_MODEL"])

    assert chosen["VAE_MODELS"] == "/app/models"
    assert "\nWORKDIR /app\n" in dockerfile
    assert "\nCOPY models models\n" in dockerfile
    assert (REPOSITORY / "models" / default / "model.json").is_file()


def test_nothing_gets_out() -> None:
    """The service connects to nothing, so no egress is allowed."""
    (policy,) = read(BASE / "network-policy.yaml")

    assert policy["spec"]["egress"] == []
    assert set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}


def test_the_prometheus_rule_has_the_alerts_of_monitoring() -> None:
    """The job that the alerts ask for is a label of the Service."""
    (rule,) = read(COMPONENTS / "monitoring" / "rules.yaml")
    (monitor,) = read(COMPONENTS / "monitoring" / "service-monitor.yaml")
    (alerts,) = read(ALERTS)

    assert rule["spec"] == alerts
    assert LABELS[monitor["spec"]["jobLabel"]] == "vae-service"
    assert f'job="{LABELS[monitor["spec"]["jobLabel"]]}"' in ALERTS.read_text()


def test_predictors_of_kserve_differ_in_name_alone() -> None:
    """The outlier detector is served as any other model."""
    (service,) = read(KSERVE / "inference-service.yaml")
    detector = of_kind(read(KSERVE / "outlier-detector.yaml"), "InferenceService")

    assert detector["spec"] == service["spec"]
