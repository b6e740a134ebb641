"""The container's health check."""

import pytest

from service.healthcheck import address_of


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("10.0.0.7", "10.0.0.7"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104 - nothing listens on it
        ("::", "::1"),
        ("0:0:0:0:0:0:0:0", "::1"),
        ("::1", "::1"),
        ("localhost", "localhost"),
        ("a.example", "a.example"),
    ],
)
def test_all_addresses_are_reached_at_the_loopback_address(
    host: str, address: str
) -> None:
    """Any other host is reached as it is named."""
    assert address_of(host) == address
