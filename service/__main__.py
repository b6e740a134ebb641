"""python -m service: flags and environment -> uvicorn."""

import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import NoReturn

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from pydantic_settings import CliApp
from uvicorn.supervisors import Multiprocess

from service.app import load_app
from service.model.errors import ModelLoadError
from service.settings import Settings

EXIT_BAD_SETTINGS = 2
EXIT_BAD_MODEL = 3


def main() -> None:
    """Check settings and model, then serve until SIGTERM or Ctrl-C; both end with exit code 0."""
    settings = read_settings()
    try:
        app = load_app(settings)  # before the port opens, whoever will serve
    except ModelLoadError as error:
        fail(str(error), EXIT_BAD_MODEL)
    if settings.workers > 1:
        config = uvicorn_config(settings, partial(load_app, settings), factory=True)
        Multiprocess(config, sockets=[config.bind_socket()]).run()
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))  # uvicorn raises the signal once more when it has drained
    uvicorn.Server(uvicorn_config(settings, app)).run()


def read_settings() -> Settings:
    """Flags, then variables, then defaults; a bad value ends the process with one line."""
    try:
        return CliApp.run(Settings)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, details['loc']))}: {details['msg']}" for details in error.errors())
        fail("; ".join(problems), EXIT_BAD_SETTINGS)


def uvicorn_config(
    settings: Settings, app: FastAPI | Callable[[], FastAPI], *, factory: bool = False
) -> uvicorn.Config:
    """How uvicorn serves an application, or what a factory makes in each worker."""
    return uvicorn.Config(
        app,
        factory=factory,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        ws="none",
        timeout_keep_alive=settings.keep_alive_seconds,
        server_header=False,
        access_log=False,  # uvicorn's line a request takes a fifth of the rate of small ones
    )


def fail(message: str, code: int) -> NoReturn:
    """End the process with one line on standard error."""
    sys.stderr.write(f"error: {message}\n")
    raise SystemExit(code)


if __name__ == "__main__":
    main()
