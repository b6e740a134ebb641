"""Types of settings: lists whose items are validated, comma-separated or in a file."""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

MIN_KEY_LENGTH = 16
# Origins as browsers serialise them. Of web pages: the host in lower case, no default
# port. Of apps and extensions: such as capacitor://localhost, moz-extension://UUID.
WEB_ORIGIN = re.compile(r"(https?)://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]+))?")
APP_ORIGIN = re.compile(r"(?!https?:)[a-z][a-z0-9+.-]*://[A-Za-z0-9._~-]+(?::[0-9]+)?")
OPAQUE_ORIGIN = "null"  # of sandboxed frames and local files
DEFAULT_PORTS = {"http": "80", "https": "443"}
HOST_NAME = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
ANY_PROXY = ("*",)


def split_commas(value: object) -> object:
    """Split a comma-separated text; spaces and empty items are dropped.

    A text without items is rejected: it may be a mistake that opens the service.
    """
    if not isinstance(value, str):
        return value
    stripped = [item.strip() for item in value.split(",")]
    items = [item for item in stripped if item]
    if not items:
        raise ValueError("the list is empty; leave the setting out instead")
    return items


def read_keys(path: Path) -> tuple[SecretStr, ...]:
    """Read a file of API keys, one per line; lines that begin with # are comments.

    Raises ValueError, naming setting, file and line.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except OSError as error:
        reason = error.strerror
        raise ValueError(f"api_keys_file: {path} cannot be read: {reason}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"api_keys_file: {path} is not a UTF-8 text") from error
    keys = []
    for number, line in enumerate(lines, start=1):
        key = line.strip()
        if not key or key.startswith("#"):
            continue
        try:
            keys.append(check_key(SecretStr(key)))
        except ValueError as error:
            raise ValueError(f"api_keys_file: {path} line {number}: {error}") from error
    # Perhaps it is being written: the service must not stand open meanwhile.
    if not keys:
        raise ValueError(f"api_keys_file: {path} has no keys")
    return tuple(keys)


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
    """Reject a text that no browser sends as an origin: it would match nobody."""
    if origin == OPAQUE_ORIGIN or APP_ORIGIN.fullmatch(origin):
        return origin
    web_origin = WEB_ORIGIN.fullmatch(origin)
    if not web_origin:
        raise ValueError(
            f"{origin} is not an origin such as https://example.org, in lower case, "
            "without path or pattern"
        )
    scheme, port = web_origin.groups()
    if port == DEFAULT_PORTS[scheme]:
        raise ValueError(f"{origin} has the default port, which browsers leave out")
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
