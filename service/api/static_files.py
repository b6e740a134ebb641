"""Static files, whose errors are problems."""

from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send
from typing_extensions import override

from service.api.errors import BAD_REQUEST, RANGE_NOT_SATISFIABLE, ProblemError


class ProblemStaticFiles(StaticFiles):
    """Starlette's static files, which respond to bad ranges with plain text."""

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_or_raise(message: Message) -> None:
            if message["type"] == "http.response.start":
                check_range_status(message)
            await send(message)

        await super().__call__(scope, receive, send_or_raise)


def check_range_status(start: Message) -> None:
    """Raise ProblemError if a response begins as one to a bad Range header."""
    if start["status"] == BAD_REQUEST.status:
        raise ProblemError(BAD_REQUEST, "Range must be bytes=FIRST-LAST")
    if start["status"] == RANGE_NOT_SATISFIABLE.status:
        size = dict(start["headers"])[b"content-range"].decode()
        raise ProblemError(
            RANGE_NOT_SATISFIABLE,
            f"Range must begin within the file: {size}",
            {"Content-Range": size},
        )
