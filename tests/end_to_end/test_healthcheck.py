"""The container's health check, against a real server."""

import os
import subprocess
import sys

import pytest

from tests.end_to_end.server import free_ports, serve
from tests.samples import REPOSITORY


def check(**variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the health check with variables."""
    return subprocess.run(
        [sys.executable, "-m", "service.healthcheck"],
        cwd=REPOSITORY,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost", ""])
def test_the_host_of_the_settings_is_asked(host: str) -> None:
    """The service listens nowhere else. No host is the default one."""
    with serve("--workers", "1", VAE_HOST=host) as server:
        done = check(VAE_HOST=host, VAE_PORT=str(server.port))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_proxy_of_the_environment_is_not_used() -> None:
    """It would be asked for the container's own address."""
    (unused,) = free_ports(1)
    proxy = f"http://127.0.0.1:{unused}"
    with serve("--workers", "1") as server:
        done = check(VAE_PORT=str(server.port), http_proxy=proxy, ALL_PROXY=proxy)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_service_that_is_not_there_fails_the_check() -> None:
    """One line gives the reason."""
    (unused,) = free_ports(1)
    done = check(VAE_PORT=str(unused))

    assert done.returncode == 1
    assert done.stderr.startswith("error: no response from 127.0.0.1: ")
    assert done.stderr.count("\n") == 1


def test_a_service_that_is_not_ready_fails_the_check() -> None:
    """While it stops, it answers with 503."""
    with serve("--workers", "1", "--drain-delay-seconds", "5") as server:
        server.process.terminate()
        server.log.wait_for("stopping")
        done = check(VAE_PORT=str(server.port))

    assert (done.returncode, done.stderr) == (1, "error: /readyz returned 503\n")
