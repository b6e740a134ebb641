"""Types of settings: comma-separated lists whose items are validated."""

import re
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

MIN_KEY_LENGTH = 16
ORIGIN = re.compile(r"https?://[^/]+")
HOST_NAME = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
ANY_PROXY = ("*",)


def split_commas(value: object) -> object:
    """Split a comma-separated text; spaces and empty items are dropped."""
    if not isinstance(value, str):
        return value
    items = [item.strip() for item in value.split(",")]
    return [item for item in items if item]


def check_key(value: SecretStr) -> SecretStr:
    """Reject an API key that is guessable or cannot be sent in a header."""
    key = value.get_secret_value()
    printable = key.isascii() and key.isprintable() and " " not in key
    if len(key) < MIN_KEY_LENGTH or not printable:
        raise ValueError(
            f"an API key must have {MIN_KEY_LENGTH} or more printable ASCII "
            "characters, no spaces"
        )
    return value


def check_origin(origin: str) -> str:
    """Reject a text that no browser sends as an origin."""
    if not ORIGIN.fullmatch(origin):
        raise ValueError(f"{origin} is not an origin such as https://example.org")
    return origin


def check_host(host: str) -> str:
    """Reject a text that is not a Host header without its port."""
    if not HOST_NAME.fullmatch(host):
        raise ValueError(
            f"{host} is not a host name such as example.org, without scheme, port or "
            "path"
        )
    return host


def check_proxies(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Reject items that are neither an address nor a network: they match nobody."""
    if addresses != ANY_PROXY:
        for address in addresses:
            ip_network(address)
    return addresses


ApiKey = Annotated[SecretStr, AfterValidator(check_key)]
Origin = Annotated[str, AfterValidator(check_origin)]
HostName = Annotated[str, AfterValidator(check_host)]

# NoDecode: pydantic-settings would parse the variable as JSON.
CommaSeparated = BeforeValidator(split_commas)
ApiKeys = Annotated[tuple[ApiKey, ...], NoDecode, CommaSeparated]
Origins = Annotated[tuple[Origin, ...], NoDecode, CommaSeparated]
HostNames = Annotated[tuple[HostName, ...], NoDecode, CommaSeparated]
Proxies = Annotated[
    tuple[str, ...], NoDecode, CommaSeparated, AfterValidator(check_proxies)
]
