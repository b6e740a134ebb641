"""The playground's page and the route of its files."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from service.api.errors import NOT_FOUND, ProblemError
from service.playground.files import BASE, PlaygroundFiles

PREFIX = "/playground"
FILE_PATH = PREFIX + "/{digest}/{name}"
# The address has a hash of the files' contents, so they never change.
IMMUTABLE = "public, max-age=31536000, immutable"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)


def page_response(files: PlaygroundFiles, root: str) -> Response:
    """Return the page. ``root`` is the prefix that a proxy adds to paths."""
    # Without a known prefix, a relative address works behind any.
    start = f"{root}/" if root else ""
    base = f"{start}{PREFIX.removeprefix('/')}/{files.digest}"
    content = files.page.replace(BASE, base)
    return HTMLResponse(content, headers={"Content-Security-Policy": POLICY})


def file_route(files: PlaygroundFiles) -> Route:
    """Return the route of the files that the page loads."""

    async def respond(request: Request) -> Response:
        file = files.files.get(request.path_params["name"])
        if file is None or request.path_params["digest"] != files.digest:
            raise ProblemError(NOT_FOUND, "there is no such file of the playground")
        headers = {"Cache-Control": IMMUTABLE, "Vary": "Accept-Encoding"}
        content = file.content
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            content = file.compressed
        return Response(content, headers=headers, media_type=file.media_type)

    return Route(FILE_PATH, respond)
