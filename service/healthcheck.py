"""Health check of a container: python -m service.healthcheck.

Exits with code 0 if the service that the variables VAE_HOST and VAE_PORT describe is
ready. A flag of the service's own command line is not seen.
"""

from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address

from service.settings import Settings

TIMEOUT_SECONDS = 2
READY_PATH = "/readyz"
LOOPBACK = {4: "127.0.0.1", 6: "::1"}


def main() -> None:
    """Request the readiness probe; exit with one line if it does not succeed."""
    settings = Settings()
    host = address_of(settings.host)
    try:
        status = probe(host, settings.port)
    except (OSError, HTTPException) as error:
        raise SystemExit(f"error: no response from {host}: {error}") from error
    if status != HTTPStatus.OK:
        raise SystemExit(f"error: {READY_PATH} returned {status}")


def address_of(host: str) -> str:
    """Return where a service that listens on ``host`` can be reached from its machine.

    A connection to all addresses, 0.0.0.0 or ::, is not possible on every system.
    """
    try:
        address = ip_address(host)
    except ValueError:  # a name
        return host
    return LOOPBACK[address.version] if address.is_unspecified else host


def probe(host: str, port: int) -> int:
    """Return the status of the readiness probe. Raises OSError or HTTPException.

    urllib.request would use a proxy that the environment names.
    """
    connection = HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    connection.request("GET", READY_PATH)
    return connection.getresponse().status


if __name__ == "__main__":
    main()
