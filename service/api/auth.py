"""Who may ask: host names, API keys and origins. In the way of requests only where they are set."""

import hmac
from collections.abc import Iterable

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.errors import BAD_REQUEST, UNAUTHORIZED, ProblemError, problem_response
from service.observability.request_context import path_of

PROBES = frozenset({"/livez", "/readyz", "/v2/health/live", "/v2/health/ready"})
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="vae-service"'}


class ApiKeyMiddleware:
    """Lets through what names an allowed host and brings one of the keys."""

    def __init__(
        self,
        app: ASGIApp,
        hosts: Iterable[str],
        keys: Iterable[bytes],
        open_paths: Iterable[str],
    ) -> None:
        """Take the host names that requests may name, the keys, and the paths that need none; probes never do.

        A path covers what lies below it. No hosts allow any; no keys need none.
        """
        self.app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._keys = tuple(keys)
        self._open_paths = tuple(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or refuse it."""
        headers = dict(scope["headers"])
        try:
            self._check(path_of(scope), headers)
        except ProblemError as error:
            await problem_response(scope, error)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _check(self, path: str, headers: dict[bytes, bytes]) -> None:
        if path in PROBES:
            return
        if self._hosts and host_name(headers.get(b"host", b"")) not in self._hosts:
            raise ProblemError(
                BAD_REQUEST, "this service does not answer for that Host"
            )
        if self._keys and not any(
            path == opened or path.startswith(f"{opened}/")
            for opened in self._open_paths
        ):
            given = given_key(headers)
            if not given:
                raise ProblemError(
                    UNAUTHORIZED,
                    "an API key is needed: Authorization: Bearer, or X-API-Key",
                    CHALLENGE,
                )
            # Each key is compared, whatever came before: the time tells neither which one nor how much of it fits.
            if not sum([hmac.compare_digest(given, key) for key in self._keys]):
                raise ProblemError(UNAUTHORIZED, "this API key is not known", CHALLENGE)


class CorsMiddleware(CORSMiddleware):
    """Starlette's, out of the way of requests that no page of another origin sends: 10 us of each."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, with the headers that a page's browser asks for, or answer the browser's question."""
        if any(name == b"origin" for name, _ in scope["headers"]):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def host_name(host: bytes) -> str:
    """The name in a Host header, without its port."""
    name, separator, port = host.decode("latin-1").lower().rpartition(":")
    return name if separator and port.isdigit() else host.decode("latin-1").lower()


def given_key(headers: dict[bytes, bytes]) -> bytes:
    """The key that a request brings, or nothing."""
    scheme, _, credentials = headers.get(b"authorization", b"").partition(b" ")
    return (
        credentials.strip()
        if scheme.lower() == b"bearer"
        else headers.get(b"x-api-key", b"")
    )
