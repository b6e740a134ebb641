"""File descriptors: as many as the system allows, and room for new connections."""

import logging
import resource
import time
from collections.abc import Collection
from heapq import nsmallest
from pathlib import Path
from typing import Protocol

from service.observability.metrics import Metrics

# More would take more memory than a worker should have.
MAX_DESCRIPTORS = 65_536
# Left for a reload, and for connections that arrive before others have closed.
RESERVED_DESCRIPTORS = 16
CLOSED_AT_ONCE = 0.04  # part of all connections
LOG_PERIOD_SECONDS = 60

log = logging.getLogger(__name__)


class Connection(Protocol):
    """A connection that may be idle."""

    def idle_since(self) -> float | None:
        """Return when the connection became idle, or None if it is busy."""

    def shutdown(self) -> None:
        """Close the connection if it is idle."""


def raise_descriptor_limit() -> None:
    """Raise the soft limit of open files, which is 1,024 on many systems."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = MAX_DESCRIPTORS
    wanted = min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class ConnectionLimit:
    """Limit of a process's connections, so that it never runs out of descriptors.

    Without one left, the event loop accepts new connections, probes among them, and
    closes them at once.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._logged_at = -float("inf")
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limit == resource.RLIM_INFINITY:
            limit = MAX_DESCRIPTORS
        open_now = sum(1 for _ in Path("/dev/fd").iterdir())
        self._max_connections = max(1, limit - open_now - RESERVED_DESCRIPTORS)

    def make_room(self, connections: Collection[Connection]) -> None:
        """Close the connections that have been idle longest if the limit is reached."""
        if len(connections) < self._max_connections:
            return
        times = {connection: connection.idle_since() for connection in connections}
        idle = {each: since for each, since in times.items() if since is not None}
        count = max(1, int(self._max_connections * CLOSED_AT_ONCE))
        for connection in nsmallest(count, idle, key=idle.__getitem__):
            connection.shutdown()
            self._metrics.add("cut", "descriptors")
        self._log()

    def _log(self) -> None:
        now = time.monotonic()
        if now - self._logged_at < LOG_PERIOD_SECONDS:
            return
        self._logged_at = now
        log.warning(
            "%d connections are open, as many as the limit of open files allows; new "
            "ones replace those that are idle",
            self._max_connections,
        )
