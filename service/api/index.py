"""GET /: a page for browsers, an index for programs."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service import __version__
from service.api.auth import check_key
from service.api.body import JSON
from service.api.responses import preferred_type
from service.api.state import AppState

HTML = b"text/html"
PATH = "/"

# Returns the page for browsers, for the prefix that a proxy adds to paths.
Page = Callable[[str], Response]


def index_route(
    state: AppState,
    page: Page,
    documentation: str,
    *,
    needs_key: bool,
) -> Route:
    """Return the route of ``/``.

    page: what browsers get; it needs no API key.
    documentation: path of the documentation page.
    needs_key: whether the index needs an API key.
    """

    async def index(request: Request) -> Response:
        root = request.scope.get("root_path", "")
        accept = request.headers.get("accept", "*/*").encode("latin-1")
        if preferred_type(accept, (JSON, HTML)) == HTML:
            return page(root)
        if needs_key:
            check_key(state.api_keys, dict(request.scope["headers"]))
        return JSONResponse(
            {
                "name": "vae-service",
                "version": __version__,
                "model": state.model.backend.card.name,
                "documentation": root + documentation,
                "openapi": f"{root}/openapi.json",
            }
        )

    return Route(PATH, index)
