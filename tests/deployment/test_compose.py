"""docker-compose.yml: every container is locked down and limited."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from tests.samples import REPOSITORY


class Build(BaseModel):
    """The stage of the Dockerfile that an image is built from."""

    target: str


class Service(BaseModel):
    """The fields of a service that are tested, with Docker's defaults."""

    build: Build | None = None
    read_only: bool = False
    cap_drop: list[str] = []
    cap_add: list[str] = []
    privileged: bool = False
    security_opt: list[str] = []
    cpus: str | float | None = None
    mem_limit: str | None = None
    pids_limit: int | None = None
    ports: list[str] = []
    volumes: list[str] = []
    environment: dict[str, str] = {}


class Composition(BaseModel):
    """The compose file."""

    services: dict[str, Service]


SERVICES = Composition.model_validate(
    yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
).services
each_service = pytest.mark.parametrize(
    "service", [pytest.param(it, id=name) for name, it in SERVICES.items()]
)


@each_service
def test_a_container_is_read_only_and_unprivileged(service: Service) -> None:
    """Its root is read-only; it has no capability and cannot gain one."""
    assert service.read_only
    assert service.cap_drop == ["ALL"]
    assert service.cap_add == []
    assert not service.privileged
    assert service.security_opt == ["no-new-privileges:true"]


@each_service
def test_a_container_has_resource_limits(service: Service) -> None:
    """CPUs, memory and processes are limited."""
    assert service.cpus
    assert service.mem_limit
    assert service.pids_limit


@each_service
def test_ports_are_published_on_the_loopback_interface(service: Service) -> None:
    """Other hosts connect through a proxy."""
    for port in service.ports:
        assert port.startswith("127.0.0.1:")


@each_service
def test_mounted_folders_exist(service: Service) -> None:
    """Docker would create a missing folder, owned by root."""
    for volume in service.volumes:
        source, *_ = volume.split(":")
        if source.startswith("."):
            assert Path(REPOSITORY, source).exists()


def test_visitors_cannot_change_the_dashboard() -> None:
    """Anyone may view and nobody can log in, so the default password is useless."""
    environment = SERVICES["grafana"].environment

    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"


def test_our_images_share_a_base_and_run_without_root() -> None:
    """One digest pins every stage; the stages that run have an unprivileged user."""
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    _, *stages = re.split(r"^FROM ", dockerfile, flags=re.MULTILINE)
    bases = {stage.split()[0] for stage in stages}
    by_name = {stage.split()[2]: stage for stage in stages}
    ours = [service.build.target for service in SERVICES.values() if service.build]

    assert bases == {"${PYTHON_IMAGE}"}
    assert ours == ["service", "training"]
    for target in ours:
        assert "\nUSER 10001:10001\n" in by_name[target]
