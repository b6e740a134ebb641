"""The service behind the proxies of deploy/proxies/, with TLS."""

import re
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from service.settings import Settings
from tests.conftest import find_program
from tests.end_to_end.server import Server, free_ports, serve
from tests.endurance.proxies import run_nginx, run_proxy
from tests.samples import REPOSITORY, card_examples

PROXIES = REPOSITORY / "deploy" / "proxies"
CERTIFICATE = "/etc/ssl/private/images.example.org.pem"
HOST = "images.example.org"
MAX_BODY: int = Settings.model_fields["max_body_bytes"].default
START_SECONDS = 30
CLIENT = "203.0.113.7"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody signed, in one file with its key."""
    path = tmp_path_factory.mktemp("certificate") / "pem"
    key = path.with_name("key")
    command = [find_program("openssl", "openssl"), "req", "-x509", "-noenc"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"]
    command += ["-keyout", str(key), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    path.write_text(path.read_text() + key.read_text())
    return path


@pytest.fixture(scope="module")
def service() -> Iterator[Server]:
    """A service that trusts the proxy's headers."""
    with serve("--workers", "1", "--trusted-proxies", "127.0.0.1") as server:
        yield server


def configured(name: str, service: Server, certificate: Path, port: int) -> str:
    """Return a proxy's configuration with the test's ports and certificate."""
    text = (PROXIES / name).read_text()
    text = text.replace(CERTIFICATE, str(certificate))
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{service.port}")
    return re.sub(r":?443 ssl", f"127.0.0.1:{port} ssl", text)


@contextmanager
def proxy_client(port: int, certificate: Path) -> Iterator[httpx.Client]:
    """Connect to a proxy as a client of the internet; wait until it listens."""
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    with httpx.Client(
        base_url=f"https://127.0.0.1:{port}",
        verify=context,
        headers={"Host": HOST, "X-Forwarded-For": CLIENT},
        timeout=30,
    ) as client:
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                client.get("/livez")
            except httpx.TransportError:
                assert time.monotonic() < end
                time.sleep(0.05)
                continue
            yield client
            return


def check(client: httpx.Client, service: Server) -> None:
    """Check that requests arrive, up to the service's own limit, but not all."""
    body = {"images": card_examples()[:1]}
    assert client.post("/reconstruct", json=body).status_code == 200
    service.log.wait_for(rf'"client": "{CLIENT}".*"route": "/reconstruct"')

    largest = b" " * (MAX_BODY - 2) + b"{}"
    json = {"Content-Type": "application/json"}
    assert client.post("/reconstruct", content=largest, headers=json).status_code == 422
    larger = b" " + largest
    assert client.post("/reconstruct", content=larger, headers=json).status_code == 413

    with service.client() as direct:
        assert direct.get("/metrics").status_code == 200
    assert client.get("/metrics").status_code == 404


def test_the_service_behind_nginx(
    nginx: str, service: Server, certificate: Path, tmp_path: Path
) -> None:
    """Requests come by TLS; the log has the client's address; metrics stay inside."""
    (port,) = free_ports(1)
    site = configured("nginx.conf", service, certificate, port)

    with (
        run_nginx(nginx, tmp_path, site),
        proxy_client(port, certificate) as client,
    ):
        check(client, service)


def test_the_service_behind_haproxy(
    haproxy: str, service: Server, certificate: Path, tmp_path: Path
) -> None:
    """Requests come by TLS; the log has the client's address; metrics stay inside."""
    (port,) = free_ports(1)
    configuration = tmp_path / "haproxy.cfg"
    configuration.write_text(configured("haproxy.cfg", service, certificate, port))

    with (
        run_proxy(haproxy, "-f", configuration),
        proxy_client(port, certificate) as client,
    ):
        check(client, service)
