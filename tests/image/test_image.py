"""The container image, really run: locked down, it answers a digit and stops when told."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator

import httpx
import numpy as np
import pytest

from tests.samples import grey_png, pixels_of
from training.data.digits import Digits

DOCKER = os.environ.get("DOCKER", "docker")
LOCKED_DOWN = (
    *("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
    *("--memory=512m", "--cpus=0.5", "--pids-limit=128"),
)


def docker(*arguments: str) -> str:
    """Run the Docker client; give what it prints."""
    done = subprocess.run(
        [DOCKER, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def container() -> Iterator[tuple[str, httpx.Client]]:
    """A running container on a free port of this host's loopback, and a client of it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = ("--network=host", "--env=VAE_HOST=127.0.0.1", f"--env=VAE_PORT={port}")
    name = docker("run", "--detach", *LOCKED_DOWN, *address, "vae-service")
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            wait_until_ready(client)
            yield name, client
    finally:
        docker("rm", "--force", name)


def wait_until_ready(client: httpx.Client) -> None:
    """Poll the readiness probe for at most half a minute."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the container did not become ready")


def test_a_container_answers_a_digit_and_stops(
    container: tuple[str, httpx.Client], test_digits: Digits
) -> None:
    """Read-only, without capabilities, as nobody; SIGTERM ends it with exit code 0."""
    name, client = container
    digit = test_digits.images[0, 0].numpy()
    answer = client.post("/reconstruct", json={"images": [grey_png(digit.tolist())]})

    assert answer.status_code == 200
    error = (pixels_of(answer.json()["images"][0]) / 255 - digit / 255) ** 2
    assert np.mean(error) < 0.02

    docker("stop", "--time=20", name)
    assert docker("inspect", "--format={{.State.ExitCode}}", name) == "0"


def test_the_health_check_finds_it_well(container: tuple[str, httpx.Client]) -> None:
    """The image's own check, run as Docker runs it."""
    name, _ = container
    (check,) = json.loads(
        docker("inspect", "--format=[{{json .Config.Healthcheck.Test}}]", name)
    )

    assert check[0] == "CMD"
    docker("exec", name, *check[1:])


def test_the_image_holds_what_it_runs_and_no_more(
    container: tuple[str, httpx.Client],
) -> None:
    """No PyTorch, no tests, no compiler, no pip, no package cache; its user is not root; telemetry is off."""
    name, _ = container

    def shell(command: str, *options: str) -> str:
        return docker("exec", *options, name, "sh", "-c", command)

    names = ("torch", "pip", "ensurepip", "training")
    program = (
        f"import importlib.util as u; print([n for n in {names} if u.find_spec(n)])"
    )
    for python in ("/venv/bin/python", "/usr/local/bin/python"):
        assert docker("exec", name, python, "-c", program) == "[]"
    assert shell("find /venv -name tests") == ""
    assert shell("id -u") == "10001"
    assert shell("for tool in gcc cc pip pip3; do command -v $tool; done; true") == ""
    assert shell("ls -d /root/.cache 2>/dev/null || echo none", "--user=0") == "none"
    assert shell("echo $ORT_DISABLE_TELEMETRY") == "1"
