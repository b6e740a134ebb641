"""Authentication: allowed hosts, API keys, CORS."""

import hmac
from collections.abc import Iterable, Mapping, Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

from service.api.errors import (
    BAD_REQUEST,
    UNAUTHORIZED,
    ProblemError,
    problem_response,
)
from service.api.state import AppState
from service.observability.request_context import path_of

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="vae-service"'}


class ApiKeyMiddleware:
    """Rejects requests for other hosts, and requests without a valid API key."""

    def __init__(
        self,
        app: ASGIApp,
        state: AppState,
        hosts: Iterable[str],
        probes: Iterable[str],
        open_paths: Iterable[str],
    ) -> None:
        """Set the allowed hosts, all if there are none.

        probes: paths that need neither host nor key.
        open_paths: paths that need no key; each covers the paths below it.
        """
        self.app = app
        self._state = state
        self._hosts = frozenset(host.lower() for host in hosts)
        self._probes = frozenset(probes)
        self._open_paths = tuple(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, or reject it."""
        try:
            self._check(path_of(scope), dict(scope["headers"]))
        except ProblemError as error:
            response = problem_response(scope, error)
            await response(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _check(self, path: str, headers: dict[bytes, bytes]) -> None:
        if path in self._probes:
            return
        if self._hosts and host_name(headers.get(b"host", b"")) not in self._hosts:
            raise ProblemError(BAD_REQUEST, "this service does not serve that Host")
        if not self._is_open(path):
            check_key(self._state.api_keys, headers)

    def _is_open(self, path: str) -> bool:
        return any(
            path == opened or path.startswith(f"{opened}/")
            for opened in self._open_paths
        )


class CorsMiddleware(CORSMiddleware):
    """Starlette's middleware, skipped without an Origin header: it takes 10 us."""

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if any(name == b"origin" for name, _ in scope["headers"]):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def check_key(keys: Sequence[bytes], headers: Mapping[bytes, bytes]) -> None:
    """Raise ProblemError if there are keys and a request has none of them."""
    if not keys:
        return
    given = given_key(headers)
    if not given:
        raise ProblemError(
            UNAUTHORIZED,
            "an API key is needed: Authorization: Bearer, or X-API-Key",
            CHALLENGE,
        )
    # All keys are compared, each in constant time: the time of a response shows
    # neither which key matches nor how many of its bytes do.
    matches = [hmac.compare_digest(given, key) for key in keys]
    if not any(matches):
        raise ProblemError(UNAUTHORIZED, "this API key is not known", CHALLENGE)


def host_name(host: bytes) -> str:
    """Return the name in a Host header, without its port."""
    text = host.decode("latin-1").lower()
    name, separator, port = text.rpartition(":")
    return name if separator and port.isdigit() else text


def given_key(headers: Mapping[bytes, bytes]) -> bytes:
    """Return the API key of a request; empty if it has none."""
    scheme, _, credentials = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return credentials.strip()
    return headers.get(b"x-api-key", b"")
