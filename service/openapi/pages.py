"""The pages that show the schema, from a kept package: they load and run what the service itself serves, no more."""

import base64
import hashlib
import re
from importlib.resources import files

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

PAGES = ("/docs", "/redoc")
SCRIPTS = "/static-offline-docs"
SCHEMA = "/openapi.json"
PATHS = (*PAGES, SCHEMA, SCRIPTS)
SWAGGER_UI = {
    "tryItOutEnabled": True,
    "displayRequestDuration": True,
    "defaultModelsExpandDepth": 0,
    "validatorUrl": None,  # or it asks one on the internet
}
REDOC_SCRIPT = "redoc.standalone.js"
REDOC_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
NOTHING = b"data:,"
HEAD_END = b"</head>"
# On a telephone, a group's description would stand beside its name, a letter wide.
STYLE = b"""<style>@media (max-width: 640px) {
  .swagger-ui .opblock-tag { flex-wrap: wrap }
  .swagger-ui .opblock-tag small { flex-basis: 100%; order: 1 }
}</style>"""
INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def complete(app: FastAPI) -> None:
    """Give the pages their policy, and Redoc a script that asks for nothing from elsewhere."""
    for route in list(app.routes):
        if isinstance(route, APIRoute) and route.path in PAGES:
            guard_page(app, route)
        elif isinstance(route, Route) and route.path == SCHEMA:
            make_beside(app, route)
    app.add_api_route(
        f"{SCRIPTS}/{REDOC_SCRIPT}", redoc_script, include_in_schema=False
    )
    app.router.routes.insert(0, app.router.routes.pop())  # before the package's own


def redoc_script() -> Response:
    """Redoc, without the address of the logo at its foot."""
    script = files("fastapi_offline").joinpath("static", REDOC_SCRIPT).read_bytes()
    return Response(script.replace(REDOC_LOGO, NOTHING), media_type="text/javascript")


def guard_page(app: FastAPI, route: APIRoute) -> None:
    """Let a page load what the service itself serves, and run the one script that stands in it, and no more."""

    async def guarded(request: Request) -> Response:
        page = bytes((await route.endpoint(request)).body).replace(
            HEAD_END, STYLE + HEAD_END
        )
        return HTMLResponse(
            page, headers={"Content-Security-Policy": page_policy(page)}
        )

    app.router.routes.remove(route)
    app.add_api_route(route.path, guarded, include_in_schema=False)


def make_beside(app: FastAPI, route: Route) -> None:
    """Let the schema be made beside the event loop, which would stand still meanwhile."""

    async def schema(request: Request) -> Response:
        await run_in_threadpool(app.openapi)
        response: Response = await route.endpoint(request)
        return response

    app.router.routes.remove(route)
    app.add_api_route(route.path, schema, include_in_schema=False)


def page_policy(page: bytes) -> str:
    """The content security policy of a documentation page (W3C CSP 3): its inline scripts are named by their hashes."""
    scripts = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"
        for script in INLINE_SCRIPT.findall(page)
    )
    return (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
