"""python -m service: flags and environment -> model -> port -> workers."""

import logging
import socket
import sys
from functools import partial
from typing import NoReturn

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import CliApp

from service.app import create_state, load_app
from service.model.errors import ModelLoadError
from service.observability.logs import AccessLog, configure
from service.observability.tracing import TracingError
from service.server.server import BACKLOG, Server
from service.server.workers import Workers
from service.settings import Settings

EXIT_NO_PORT = 1
EXIT_BAD_SETTINGS = 2
EXIT_BAD_MODEL = 3
LARGEST_ARRAY = 2**25 - 2**13  # bytes; glibc's thresholds follow no larger one

log = logging.getLogger(__name__)


def main() -> None:
    """Check settings and model, open the port, and serve until SIGTERM or Ctrl-C; both end with exit code 0."""
    settings = read_settings()
    if settings.print_settings:
        sys.stdout.write("".join(f"{line}\n" for line in settings.lines()))
        return
    form = configure(settings.log_format)
    keep_freed_memory()
    try:
        state = create_state(settings, AccessLog(form) if settings.access_log else None)
        server = Server(settings, state, partial(load_app, settings, state))
    except ModelLoadError as error:
        fail(str(error), EXIT_BAD_MODEL)
    except (ValueError, TracingError) as error:  # the file of API keys; the collector
        fail(str(error), EXIT_BAD_SETTINGS)
    listeners = listen(settings.host, settings.port, settings.workers)
    host, port = listeners[0].getsockname()[:2]
    log.info(
        "listening on http://%s:%d with %d workers",
        f"[{host}]" if ":" in host else host,
        port,
        settings.workers,
    )
    if settings.workers == 1:
        server.run(listeners)
        return
    workers = Workers(
        listeners,
        server.reload,
        partial(state.metrics.add, "restarts"),
        settings.drain_delay_seconds + settings.drain_grace_seconds,
    )
    if number := workers.run():
        server.work(number, listeners[number - 1], workers.ended)


def read_settings() -> Settings:
    """Flags, then variables, then defaults; a bad value ends the process with one line."""
    try:
        return CliApp.run(Settings)
    except ValidationError as error:
        fail("; ".join(map(problem, error.errors())), EXIT_BAD_SETTINGS)


def problem(details: ErrorDetails) -> str:
    """A bad setting's name, if it is of one alone, and what is wrong with it."""
    name, message = (
        ".".join(map(str, details["loc"])),
        details["msg"].removeprefix("Value error, "),
    )
    return f"{name}: {message}" if name else message


def keep_freed_memory() -> None:
    """Let glibc keep what requests free, 64 MB at most: fresh pages took a sixth of the time of 256 images.

    Its thresholds follow the largest array that was ever freed (mallopt(3)). Nothing touches this one's pages.
    """
    bytes(LARGEST_ARRAY)


def listen(host: str, port: int, count: int) -> list[socket.socket]:
    """Sockets that listen there, one for each worker; where they cannot, the process ends with one line.

    The kernel spreads connections over them. From one socket for all, whichever worker runs when a client opens many
    takes most of them, up to all, and keeps them: with a client on the same two cores, two workers had 0.95 times the
    rate then, at worst 0.76.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    open_one = partial(socket.create_server, family=family, backlog=BACKLOG)
    try:
        first = open_one(
            (host, port)
        )  # fails where anyone listens: it does not share yet
        if count > 1:
            first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        address = (host, first.getsockname()[1])
        return [first, *(open_one(address, reuse_port=True) for _ in range(1, count))]
    except OSError as error:
        fail(
            f"cannot listen on {host} port {port}: {error.strerror or error}",
            EXIT_NO_PORT,
        )


def fail(message: str, code: int) -> NoReturn:
    """End the process with one line on standard error."""
    sys.stderr.write(f"error: {message}\n")
    raise SystemExit(code)


if __name__ == "__main__":
    main()
