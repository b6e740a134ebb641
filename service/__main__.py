"""Command line: settings -> model -> sockets -> serve."""

# ruff: noqa: E402 - the other imports take half a second: signals must be held before
from service.server.process import check_system

check_system()

from service.server.docstrings import keep_docstrings
from service.server.signals import hold_signals

hold_signals()
keep_docstrings()

import logging
import sys
from typing import NoReturn

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import CliApp

from service.api.state import ServedModel
from service.app import build_app, model_repository
from service.model.errors import ModelLoadError
from service.model.repository import ModelRepository
from service.observability.logs import AccessLog, LogWriter, configure
from service.observability.tracing import TracingError
from service.server.descriptors import raise_descriptor_limit
from service.server.middleware import RequestMiddleware
from service.server.process import keep_freed_memory, open_standard_streams
from service.server.server import Server
from service.server.sockets import ListenError, Listeners, listen, urls_of
from service.server.workers import Workers
from service.settings import Settings

EXIT_NO_PORT = 1
EXIT_BAD_SETTINGS = 2
EXIT_BAD_MODEL = 3
SECRETS = {"api_keys"}
MAX_CHARACTERS = 100  # of a value in a message

log = logging.getLogger(__name__)


def main() -> None:
    """Check settings and model, open the port, serve until SIGTERM or Ctrl-C.

    Both signals end with exit code 0.
    """
    open_standard_streams()
    settings = read_settings()
    if settings.print_settings:
        sys.stdout.writelines(f"{line}\n" for line in settings.lines())
        return
    keep_freed_memory()
    raise_descriptor_limit()
    models = model_repository(settings)
    app, listeners = prepare(settings, models)
    server = Server(settings, app, models)
    if settings.workers == 1:
        server.run(listeners[0])
    else:
        run_workers(settings, server, listeners)


def read_settings() -> Settings:
    """Read flags, variables and defaults; exit with one line if one is invalid."""
    try:
        return CliApp.run(Settings)
    except ValidationError as error:
        problems = map(describe, error.errors())
        fail("; ".join(problems), EXIT_BAD_SETTINGS)


def describe(error: ErrorDetails) -> str:
    """Return a validation error as ``setting: message``, with the value received.

    The value of a secret is left out, and so is one that a message of ours contains.
    """
    location = error["loc"]
    message = error["msg"].removeprefix("Value error, ")
    if not location:
        return message
    if location[0] not in SECRETS and error["type"] != "value_error":
        message += f"; is {error['input']!r:.{MAX_CHARACTERS}}"
    name = ".".join(map(str, location))
    return f"{name}: {message}"


def prepare(
    settings: Settings, models: ModelRepository[ServedModel]
) -> tuple[RequestMiddleware, list[Listeners]]:
    """Load the application and open the port; exit with one line if either fails."""
    try:
        app = load_app(settings, models)
        listeners = listen(settings.host, settings.port, settings.workers)
    except ModelLoadError as error:
        fail(str(error), EXIT_BAD_MODEL)
    except (ValueError, TracingError) as error:  # the API keys' file; the collector
        fail(str(error), EXIT_BAD_SETTINGS)
    except ListenError as error:
        fail(str(error), EXIT_NO_PORT)
    urls = urls_of(listeners[0])
    log.info("listening on %s with %d workers", urls, settings.workers)
    return app, listeners


def load_app(
    settings: Settings, models: ModelRepository[ServedModel]
) -> RequestMiddleware:
    """Configure the log and load the application.

    Raises ModelLoadError, TracingError, or ValueError of the API keys' file.
    """
    writer = LogWriter(sys.stderr.fileno())
    log_format = configure(settings.log_format, writer)
    access_log = AccessLog(log_format, writer) if settings.access_log else None
    return build_app(settings, models.load_all(), access_log)


def run_workers(settings: Settings, server: Server, listeners: list[Listeners]) -> None:
    """Supervise workers, and be one in each process that is forked."""
    workers = Workers(
        listeners,
        server,
        timeout_seconds=settings.worker_timeout_seconds,
        stop_seconds=settings.drain_delay_seconds + settings.drain_grace_seconds,
    )
    if worker := workers.run():
        own_listeners = listeners[worker.slot]
        server.work(
            worker.row, own_listeners, workers.supervisor_ended, workers.requests
        )


def fail(message: str, code: int) -> NoReturn:
    """End the process with one line on standard error."""
    sys.stderr.write(f"error: {message}\n")
    raise SystemExit(code)


if __name__ == "__main__":
    main()
