"""Reverse proxies in front of instances of the service."""

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.server import free_ports

# Health checks and reused connections, as its documentation advises. No request is
# retried once sent: one that the service cut would be seen.
HAPROXY = """
global
    stats socket {folder}/stats level admin
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout check {check_seconds}s
    {options}
frontend front
    bind 127.0.0.1:{port}
    default_backend instances
backend instances
    option httpchk GET {path}
    default-server check {check}
{servers}
"""
# What nginx's own configuration has around those of sites.
NGINX = """
daemon off;
{user}
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@contextmanager
def run_proxy(binary: str, flag: str, configuration: Path) -> Iterator[None]:
    """Run a reverse proxy."""
    with subprocess.Popen(
        [binary, flag, str(configuration)], stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.terminate()


@contextmanager
def run_nginx(binary: str, folder: Path, site: str) -> Iterator[None]:
    """Run nginx with the configuration of a site."""
    (folder / "site.conf").write_text(site)
    # Otherwise root's nginx would be a user who may not use the folder.
    user = "user root;" if os.geteuid() == 0 else ""
    path = folder / "nginx.conf"
    path.write_text(NGINX.format(folder=folder, user=user))
    with run_proxy(binary, "-c", path):
        yield


@dataclass(frozen=True)
class HealthCheck:
    """HAProxy's check of an instance. ``check`` has its times and counts."""

    path: str = "/readyz"
    check: str = "inter 100ms fall 1 rise 1"
    seconds: int = 5


@dataclass(frozen=True)
class Haproxy:
    """HAProxy's port, and the socket of its statistics. Instances count from 0."""

    port: int
    stats: Path

    async def wait_until_up(self, *instances: int) -> None:
        """Wait until these instances are considered up, and no other is."""
        while True:
            if await self.up() == set(instances):
                return
            await asyncio.sleep(0.01)

    async def up(self) -> set[int]:
        """Return the instances that are considered up; none while HAProxy starts."""
        try:
            reader, writer = await asyncio.open_unix_connection(self.stats)
        except OSError:
            return set()
        writer.write(b"show stat\n")
        table = (await reader.read()).decode()
        writer.close()
        up = re.findall(r"^instances,instance(\d+),.*?,UP,", table, re.MULTILINE)
        return {int(number) for number in up}


@contextmanager
def run_haproxy(
    binary: str,
    folder: Path,
    instances: Sequence[str],
    health: HealthCheck | None = None,
    options: str = "",
) -> Iterator[Haproxy]:
    """Run HAProxy in front of instances at addresses such as 127.0.0.1:8000."""
    (port,) = free_ports(1)
    health = health or HealthCheck()
    servers = [
        f"    server instance{number} {address}"
        for number, address in enumerate(instances)
    ]
    text = HAPROXY.format(
        folder=folder,
        options=options,
        port=port,
        path=health.path,
        check=health.check,
        check_seconds=health.seconds,
        servers="\n".join(servers),
    )
    path = folder / "haproxy.cfg"
    path.write_text(text)
    with run_proxy(binary, "-f", path):
        yield Haproxy(port, folder / "stats")
