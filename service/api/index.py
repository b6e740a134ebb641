"""GET /: the documentation page for browsers, an index for programs."""

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from service import __version__
from service.api.body import JSON
from service.api.responses import preferred_type
from service.api.state import AppState

HTML = b"text/html"
PATH = "/"


def index_route(state: AppState, page: str) -> Route:
    """Return the route of ``/``, which redirects browsers to ``page``."""

    async def index(request: Request) -> Response:
        root = request.scope.get("root_path", "")
        accept = request.headers.get("accept", "*/*").encode("latin-1")
        if preferred_type(accept, (JSON, HTML)) == HTML:
            return RedirectResponse(root + page)
        return JSONResponse(
            {
                "name": "vae-service",
                "version": __version__,
                "model": state.model.backend.card.name,
                "documentation": root + page,
                "openapi": f"{root}/openapi.json",
            }
        )

    return Route(PATH, index)
