"""Manifests of deploy/: their documents, and the fields of a pod that are tested."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from tests.samples import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
BASE = DEPLOY / "kubernetes" / "base"
COMPONENTS = DEPLOY / "kubernetes" / "components"
KSERVE = DEPLOY / "kserve"

Document = dict[str, Any]


class Fields(BaseModel):
    """Some fields of an object in a manifest; its other fields are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Variable(Fields):
    """An environment variable; a value from a Secret is None."""

    name: str
    value: str | None = None


class HttpGet(Fields):
    """The request of a probe."""

    path: str
    port: str | int


class Probe(Fields):
    """A probe, with Kubernetes' defaults. Times are in seconds."""

    http_get: HttpGet
    period_seconds: int = 10
    timeout_seconds: int = 1
    failure_threshold: int = 3
    success_threshold: int = 1


class Port(Fields):
    """A port of a container."""

    name: str = ""
    container_port: int


class SecurityContext(Fields):
    """Privileges of a container or a pod."""

    run_as_non_root: bool | None = None
    run_as_user: int | None = None
    privileged: bool = False
    allow_privilege_escalation: bool = True
    read_only_root_filesystem: bool = False
    capabilities: dict[str, list[str]] = {}
    seccomp_profile: dict[str, str] = {}


class Container(Fields):
    """A container of a pod."""

    image: str
    env: list[Variable]
    ports: list[Port]
    startup_probe: Probe
    readiness_probe: Probe
    liveness_probe: Probe
    resources: dict[str, dict[str, str]]
    security_context: SecurityContext

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables whose value is in the manifest."""
        return {it.name: it.value for it in self.env if it.value is not None}

    @property
    def probes(self) -> list[Probe]:
        """All probes."""
        return [self.startup_probe, self.readiness_probe, self.liveness_probe]


class Pod(Fields):
    """A pod's spec."""

    containers: list[Container]
    security_context: SecurityContext = SecurityContext()
    termination_grace_period_seconds: int = 30
    enable_service_links: bool = True
    automount_service_account_token: bool = True


def read(path: Path) -> list[Document]:
    """Return the documents of a file."""
    return list(yaml.safe_load_all(path.read_text()))


def of_kind(documents: list[Document], kind: str) -> Document:
    """Return the one document of a kind."""
    (document,) = [it for it in documents if it["kind"] == kind]
    return document


def deployed_pod(documents: list[Document]) -> Pod:
    """Return the pod of the one Deployment."""
    deployment = of_kind(documents, "Deployment")
    return Pod.model_validate(deployment["spec"]["template"]["spec"])


def runtime_pod() -> Pod:
    """Return the pod that KServe makes of its ServingRuntime and InferenceService."""
    (runtime,) = read(KSERVE / "serving-runtime.yaml")
    (service,) = read(KSERVE / "inference-service.yaml")
    return Pod.model_validate(service["spec"]["predictor"] | runtime["spec"])


def variables(value: object) -> Iterator[Variable]:
    """Find the environment variables of the service, however deep they are."""
    if isinstance(value, dict):
        if re.match("VAE_", str(value.get("name"))):
            yield Variable.model_validate(value)
        for item in value.values():
            yield from variables(item)
    elif isinstance(value, list):
        for item in value:
            yield from variables(item)
