"""The container image: it runs without privileges, answers, stops and is small.

`make image-test` builds it first.
"""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import numpy as np
import pytest

from tests.samples import grey_png, pixels_of
from training.data.images import LabelledImages

IMAGE = "vae-service"
BASE = os.environ.get("PYTHON_IMAGE", "python:3.13-slim")
MAX_BYTES_OVER_BASE = 180_000_000
LOCKED_DOWN = (
    *("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
    *("--memory=512m", "--cpus=0.5", "--pids-limit=128"),
)


@dataclass
class Docker:
    """Docker's client."""

    path: str

    def __call__(self, *arguments: str) -> str:
        """Run a command, and return its standard output."""
        done = subprocess.run(
            [self.path, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@dataclass
class Container:
    """A running container, and an HTTP client of its service."""

    name: str
    docker: Docker
    client: httpx.Client

    def shell(self, command: str, *options: str) -> str:
        """Run a shell command in the container, and return its standard output."""
        return self.docker("exec", *options, self.name, "sh", "-c", command)


@pytest.fixture
def container(docker: str) -> Iterator[Container]:
    """A ready container that listens on a free port of the loopback interface."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    run = Docker(docker)
    address = ("--network=host", "--env=VAE_HOST=127.0.0.1", f"--env=VAE_PORT={port}")
    name = run("run", "--detach", *LOCKED_DOWN, *address, IMAGE)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            wait_until_ready(client)
            yield Container(name, run, client)
    finally:
        run("rm", "--force", name)


def wait_until_ready(client: httpx.Client) -> None:
    """Poll the readiness probe for at most 30 seconds."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the container did not become ready")


def test_a_container_reconstructs_a_digit_and_stops(
    container: Container, test_digits: LabelledImages
) -> None:
    """It needs no writable disk and no capability; SIGTERM ends it with exit code 0."""
    digit = test_digits.images[0, 0].numpy()
    body = {"images": [grey_png(digit.tolist())]}
    response = container.client.post("/reconstruct", json=body)

    assert response.status_code == 200
    error = (pixels_of(response.json()["images"][0]) / 255 - digit / 255) ** 2
    assert np.mean(error) < 0.02

    docker, name = container.docker, container.name
    docker("stop", "--time=20", name)
    assert docker("inspect", "--format={{.State.ExitCode}}", name) == "0"


def test_the_health_check_succeeds(container: Container) -> None:
    """The image's own check, run as Docker runs it."""
    docker, name = container.docker, container.name
    (check,) = json.loads(
        docker("inspect", "--format=[{{json .Config.Healthcheck.Test}}]", name)
    )

    assert check[0] == "CMD"
    docker("exec", name, *check[1:])


def test_the_image_holds_only_what_the_service_needs(container: Container) -> None:
    """No PyTorch, tests, compiler, pip or package cache; not root; no telemetry."""
    names = ("torch", "pip", "ensurepip", "training")
    program = (
        f"import importlib.util as u; print([n for n in {names} if u.find_spec(n)])"
    )
    for python in ("/venv/bin/python", "/usr/local/bin/python"):
        assert container.docker("exec", container.name, python, "-c", program) == "[]"
    tools = "for tool in gcc cc pip pip3; do command -v $tool; done; true"
    cache = "ls -d /root/.cache 2>/dev/null || echo none"
    assert container.shell("find /venv -name tests") == ""
    assert container.shell("id -u") == "10001"
    assert container.shell(tools) == ""
    assert container.shell(cache, "--user=0") == "none"
    assert container.shell("echo $ORT_DISABLE_TELEMETRY") == "1"


def test_the_service_adds_at_most_180_megabytes_to_its_base(docker: str) -> None:
    """Packages, model and code; PYTHON_IMAGE names the base if it is not the default."""
    run = Docker(docker)
    image, base = (
        int(run("image", "inspect", "--format={{.Size}}", name))
        for name in (IMAGE, BASE)
    )

    assert image - base <= MAX_BYTES_OVER_BASE
