"""Start of the service in unusual environments."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.server import COMMAND, free_ports, serve
from tests.samples import REPOSITORY, card_examples

DIGIT = {"images": card_examples()[:1]}


@contextmanager
def silent_service(
    *command: str, host: str = "127.0.0.1", **variables: str
) -> Iterator[httpx.Client]:
    """Start a service whose log cannot be read; yield a client once it is ready."""
    (port,) = free_ports(1)
    url = f"http://{host}:{port}"
    flags = ["--port", str(port), "--workers", "2"]
    with subprocess.Popen(
        [*command, *flags], cwd=REPOSITORY, env={**os.environ, **variables}
    ) as process:
        try:
            with httpx.Client(base_url=url, timeout=30) as client:
                wait_until_ready(client, process)
                yield client
        finally:
            process.terminate()
            assert process.wait(timeout=30) == 0


def wait_until_ready(client: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    """Wait until /readyz is 200."""
    end = time.monotonic() + 60
    while True:
        assert process.poll() is None
        assert time.monotonic() < end
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_no_obstacle(closed: str) -> None:
    """The log goes nowhere then."""
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND]
    with silent_service(*shell) as client:
        assert client.post("/reconstruct", json=DIGIT).status_code == 200


def test_a_home_folder_is_not_needed() -> None:
    """As in a container whose user has none."""
    without_home = ["env", "-u", "HOME", "-u", "USER"]
    with serve(through=without_home) as server, server.client() as client:
        assert client.post("/reconstruct", json=DIGIT).status_code == 200


def test_assertions_and_docstrings_are_not_needed(tmp_path: Path) -> None:
    """Python's -OO removes both."""
    python, *module = COMMAND
    cache = {"PYTHONPYCACHEPREFIX": str(tmp_path)}
    with silent_service(python, "-OO", *module, **cache) as client:
        assert client.post("/reconstruct", json=DIGIT).status_code == 200


def test_an_empty_host_is_the_default() -> None:
    """It is not all addresses: another loopback address does not answer."""
    with (
        serve("--workers", "1", VAE_HOST="") as server,
        pytest.raises(ConnectionRefusedError),
    ):
        socket.create_connection(("127.0.0.2", server.port))
