"""Routes of the OpenAPI documents and of Swagger UI, without any external files."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from functools import lru_cache
from html import escape
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from service.api.state import AppState, ServedModel
from service.api.static_files import ProblemStaticFiles
from service.openapi.generators import for_generators
from service.openapi.picture import interpolation_picture

PAGE = "/docs"
SCHEMA = "/openapi.json"
ASSETS = "/docs-assets"
PAGE_SCHEMA = f"{PAGE}/openapi.json"  # complete; the other is for generators
PICTURE = f"{ASSETS}/interpolation.png"
ASSETS_FOLDER = files("fastapi_offline") / "static"  # contains Swagger UI
SWAGGER_UI = {
    "tryItOutEnabled": True,
    "displayRequestDuration": True,
    "defaultModelsExpandDepth": 0,
    "validatorUrl": None,  # by default, one on the internet
}
HEAD_END = b"</head>"
# On a phone, a group's description would be one letter wide next to its name.
STYLE = b"""<style>
.interpolation { display: block; max-width: calc(100% - 40px); margin: 30px auto 0 }
@media (max-width: 640px) {
  .swagger-ui .opblock-tag { flex-wrap: wrap }
  .swagger-ui .opblock-tag small { flex-basis: 100%; order: 1 }
}</style>"""
BODY_START = b"<body>"
FIGURE = (
    '<img class="interpolation" src="{}" alt="An interpolation between two images">'
)
INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)

# Returns an OpenAPI document as JSON, for a model and the prefix that a proxy adds.
Document = Callable[[ServedModel, str], bytes]


def documentation_routes(app: FastAPI, state: AppState) -> list[BaseRoute]:
    """Return the routes of both documents, the page, and the page's assets."""
    picture_of = lru_cache(maxsize=1)(interpolation_picture)

    async def page(request: Request) -> Response:
        return page_response(app.title, request.scope.get("root_path", ""))

    async def picture(_: Request) -> Response:
        content = await run_in_threadpool(picture_of, state.model)
        return Response(content, media_type="image/png")

    # Kept as JSON: they take a tenth of a second to make.
    @lru_cache(maxsize=1)
    def complete(_: ServedModel, root: str) -> bytes:
        return as_json(app.openapi(), root)

    @lru_cache(maxsize=1)
    def simplified(_: ServedModel, root: str) -> bytes:
        return as_json(for_generators(app.openapi()), root)

    return [
        Route(PAGE, page),
        document_route(SCHEMA, simplified, state),
        document_route(PAGE_SCHEMA, complete, state),
        Route(PICTURE, picture),
        Mount(ASSETS, ProblemStaticFiles(directory=str(ASSETS_FOLDER))),
    ]


def page_response(title: str, root: str) -> Response:
    """Return the page. ``root`` is the prefix that a proxy adds to paths."""
    swagger = get_swagger_ui_html(
        title=title,
        openapi_url=root + PAGE_SCHEMA,
        swagger_js_url=f"{root}{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{root}{ASSETS}/favicon.png",
        swagger_ui_parameters=SWAGGER_UI,
    )
    content = bytes(swagger.body).replace(HEAD_END, STYLE + HEAD_END)
    figure = FIGURE.format(escape(root + PICTURE)).encode()
    content = content.replace(BODY_START, BODY_START + figure)
    policy = {"Content-Security-Policy": page_policy(content)}
    return HTMLResponse(content, headers=policy)


def document_route(path: str, document: Document, state: AppState) -> Route:
    """Return the route of an OpenAPI document."""

    async def respond(request: Request) -> Response:
        root = request.scope.get("root_path", "")
        content = await run_in_threadpool(document, state.model, root)
        return Response(content, media_type="application/json")

    return Route(path, respond)


def as_json(document: dict[str, Any], root: str) -> bytes:
    """Return an OpenAPI document, with the prefix that a proxy adds, as JSON."""
    if root:
        document = document | {"servers": [{"url": root}]}
    return json.dumps(document, separators=(",", ":")).encode()


def page_policy(page: bytes) -> str:
    """Return the content security policy of the page (W3C CSP 3).

    Inline scripts are allowed by their hashes.
    """
    hashes = []
    for script in INLINE_SCRIPT.findall(page):
        digest = hashlib.sha256(script).digest()
        encoded = base64.b64encode(digest).decode()
        hashes.append(f"'sha256-{encoded}'")
    return (
        f"default-src 'none'; script-src 'self' {' '.join(hashes)}; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
