"""Start of the service in unusual environments."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.server import COMMAND, serve, serve_without_log
from tests.samples import REPOSITORY, card_examples

DIGIT = {"images": card_examples()[:1]}
OPENAPI_PATHS = ("/openapi.json", "/docs/openapi.json")


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_no_obstacle(closed: str) -> None:
    """The log goes nowhere then."""
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND]
    with serve_without_log(*shell) as server, server.client() as client:
        assert client.post("/reconstruct", json=DIGIT).status_code == 200


def test_a_home_folder_is_not_needed() -> None:
    """A container's user often has none."""
    without_home = ["env", "-u", "HOME", "-u", "USER"]
    with serve(through=without_home) as server, server.client() as client:
        assert client.post("/reconstruct", json=DIGIT).status_code == 200


def test_python_may_remove_assertions_and_docstrings(tmp_path: Path) -> None:
    """Python's -OO does; the OpenAPI documents, made of docstrings, are the same."""
    cache = str(tmp_path)
    documents = []
    for options in ([], ["-OO"]):
        command = [sys.executable, *options, "-m", "service"]
        service = serve_without_log(*command, PYTHONPYCACHEPREFIX=cache)
        with service as server, server.client() as client:
            assert client.post("/reconstruct", json=DIGIT).status_code == 200
            responses = [client.get(path) for path in OPENAPI_PATHS]
        assert [response.status_code for response in responses] == [200, 200]
        documents.append([response.json() for response in responses])

    plain, optimized = documents
    assert optimized == plain


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_signals_during_the_start_are_handled_after_it(workers: str) -> None:
    """SIGHUP does not end the service, and SIGTERM does with exit code 0."""
    with subprocess.Popen(
        [*COMMAND, "--port", "0", "--workers", workers], cwd=REPOSITORY
    ) as process:
        wait_until_blocked(process.pid, signal.SIGTERM)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=60) == 0


def wait_until_blocked(process: int, number: signal.Signals) -> None:
    """Wait until a process keeps a signal pending."""
    end = time.monotonic() + 60
    while True:
        status = Path(f"/proc/{process}/status").read_text()
        mask = int(status.partition("SigBlk:")[2].split()[0], 16)
        if mask & 1 << (number - 1):
            return
        assert time.monotonic() < end


# What Python has on Linux and not on macOS, among what a server may use.
MACOS = """
import os, runpy, signal, socket, sys
MISSING = {
    os: ("eventfd", "memfd_create", "pidfd_open", "pipe2", "sched_getaffinity"),
    signal: ("pidfd_send_signal", "sigtimedwait", "sigwaitinfo"),
    socket: ("SOCK_CLOEXEC", "SOCK_NONBLOCK", "TCP_DEFER_ACCEPT", "TCP_QUICKACK"),
}
for module, names in MISSING.items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
import service.app  # with the libraries, which need files of macOS
sys.platform = "darwin"
sys.argv = ["service", *sys.argv[4:]]
runpy.run_module("service", run_name="__main__")
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_nothing_is_needed_that_only_linux_has(workers: str) -> None:
    """A start, requests, a reload and a stop, as on macOS."""
    macos = [sys.executable, "-c", MACOS]
    with serve("--workers", workers, through=macos) as server:
        with server.client() as client:
            assert client.post("/reconstruct", json=DIGIT).status_code == 200
        server.process.send_signal(signal.SIGHUP)
        server.log.wait_for("model reloaded")
        with server.client() as client:
            assert client.post("/reconstruct", json=DIGIT).status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=30) == 0

    assert "Traceback" not in "".join(server.log.lines)


WINDOWS = """
import runpy, sys
sys.platform = "win32"
sys.argv = ["service", "--help"]
runpy.run_module("service", run_name="__main__")
"""


def test_windows_is_rejected_in_one_line() -> None:
    """Before anything is imported that Windows lacks, even for --help."""
    end = subprocess.run(
        [sys.executable, "-c", WINDOWS],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert end.returncode == 1
    assert end.stderr.startswith("error: the service runs on Linux and macOS")
    assert end.stderr.count("\n") == 1


def test_an_empty_host_is_the_default() -> None:
    """It is not all addresses: another loopback address does not answer."""
    with (
        serve("--workers", "1", VAE_HOST="") as server,
        pytest.raises(ConnectionRefusedError),
    ):
        socket.create_connection(("127.0.0.2", server.port))
