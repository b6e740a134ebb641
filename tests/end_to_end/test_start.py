"""Start of the service in unusual environments."""

import socket
from pathlib import Path

import pytest

from tests.end_to_end.server import COMMAND, serve, serve_without_log
from tests.samples import card_examples

DIGIT = {"images": card_examples()[:1]}


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_no_obstacle(closed: str) -> None:
    """The log goes nowhere then."""
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND]
    with serve_without_log(*shell) as server, server.client() as client:
        assert client.post("/reconstruct", json=DIGIT).status_code == 200


def test_a_home_folder_is_not_needed() -> None:
    """As in a container whose user has none."""
    without_home = ["env", "-u", "HOME", "-u", "USER"]
    with serve(through=without_home) as server, server.client() as client:
        assert client.post("/reconstruct", json=DIGIT).status_code == 200


def test_assertions_and_docstrings_are_not_needed(tmp_path: Path) -> None:
    """Python's -OO removes both."""
    python, *module = COMMAND
    command = [python, "-OO", *module]
    cache = str(tmp_path)
    service = serve_without_log(*command, PYTHONPYCACHEPREFIX=cache)
    with service as server, server.client() as client:
        assert client.post("/reconstruct", json=DIGIT).status_code == 200


def test_an_empty_host_is_the_default() -> None:
    """It is not all addresses: another loopback address does not answer."""
    with (
        serve("--workers", "1", VAE_HOST="") as server,
        pytest.raises(ConnectionRefusedError),
    ):
        socket.create_connection(("127.0.0.2", server.port))
