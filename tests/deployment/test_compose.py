"""What docker-compose.yml promises of every container it starts."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from tests.samples import REPOSITORY


class Build(BaseModel):
    """Which stage of the Dockerfile an image of ours is."""

    target: str


class Service(BaseModel):
    """What these tests read of a service; what a service leaves out is as Docker has it."""

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
def test_a_container_can_change_nothing_and_become_nobody(service: Service) -> None:
    """Its root is read-only; it has no capability and cannot gain one."""
    assert service.read_only
    assert service.cap_drop == ["ALL"]
    assert service.cap_add == []
    assert not service.privileged
    assert service.security_opt == ["no-new-privileges:true"]


@each_service
def test_a_container_has_its_share_of_the_machine(service: Service) -> None:
    """CPUs, memory and processes are limited."""
    assert service.cpus
    assert service.mem_limit
    assert service.pids_limit


@each_service
def test_a_port_is_open_to_this_machine_alone(service: Service) -> None:
    """The way in from elsewhere is a proxy's."""
    assert [port for port in service.ports if not port.startswith("127.0.0.1:")] == []


@each_service
def test_what_is_mounted_is_there(service: Service) -> None:
    """Docker makes a folder, owned by root, in place of one that is missing."""
    folders = [
        volume.split(":")[0] for volume in service.volumes if volume.startswith(".")
    ]

    assert [folder for folder in folders if not Path(REPOSITORY, folder).exists()] == []


def test_who_sees_the_dashboard_cannot_change_it() -> None:
    """Grafana lets anybody look and nobody log in, so that its first password is of no use."""
    environment = SERVICES["grafana"].environment

    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"


def test_our_images_share_a_base_and_run_as_nobody() -> None:
    """A digest given once pins every stage; the stages that run have a user of no account."""
    _, *stages = re.split(
        r"^FROM ", (REPOSITORY / "Dockerfile").read_text(), flags=re.MULTILINE
    )
    by_name = {stage.split()[2]: stage for stage in stages}
    ours = [service.build.target for service in SERVICES.values() if service.build]

    assert {stage.split()[0] for stage in stages} == {"${PYTHON_IMAGE}"}
    assert ours == ["service", "training"]
    assert [
        target for target in ours if "\nUSER 10001:10001\n" not in by_name[target]
    ] == []
