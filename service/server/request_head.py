"""Checks of a request's head that the parser does not make (RFC 9112)."""

import re
from collections.abc import Iterable
from functools import lru_cache

from typing_extensions import Buffer

from service.server.parser import Header

# Its third word is the protocol: the parser takes RTSP and ICE for HTTP.
HTTP_LINE = re.compile(rb"[^ ]+ +[^ ]+ +HTTP/")
VERSIONS = frozenset({"1.0", "1.1"})
REGISTERED_NAME = rb"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+"
IP_LITERAL = rb"\[[A-Za-z0-9.:_~%-]+\]"
HOST = re.compile(rb"(?:%b|%b)(?::[0-9]*)?" % (REGISTERED_NAME, IP_LITERAL))


class RequestHeadError(Exception):
    """A head that the service does not accept."""


def check_head(version: str, headers: Iterable[Header]) -> None:
    """Check version, ``Host`` and ``Transfer-Encoding``. Raises RequestHeadError.

    headers: names in lower case, values without white space around them.
    """
    if version not in VERSIONS:
        raise RequestHeadError("the version of HTTP must be 1.1 or 1.0")
    hosts = 0
    for name, value in headers:
        if name == b"host":
            hosts += 1
            if not is_host(value):
                raise RequestHeadError("Host is not a host name with or without a port")
        elif name == b"transfer-encoding" and value.lower() != b"chunked":
            raise RequestHeadError("Transfer-Encoding must be chunked or absent")
    if hosts > 1:
        raise RequestHeadError("the request has more than one Host")
    if hosts == 0 and version == "1.1":
        raise RequestHeadError("the request has no Host")


def check_protocol(line: Buffer) -> None:
    """Check that a request's line is one of HTTP. Raises RequestHeadError.

    line: at least the line, from its beginning.
    """
    if not HTTP_LINE.match(line):
        raise RequestHeadError("the protocol must be HTTP")


@lru_cache(maxsize=256)  # most requests name the same one
def is_host(value: bytes) -> bool:
    """Check if a value of ``Host`` is valid. An empty host is not (RFC 9110, 4.2.1)."""
    return HOST.fullmatch(value) is not None
