"""The rolling update that deploy/kubernetes describes, under load.

Instances run in network namespaces, as pods with addresses of their own. HAProxy plays
the Service and the kubelet's readiness probe; the test plays the Deployment.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.deployment.manifests import BASE, Document, deployed_pod, of_kind, read
from tests.end_to_end.connection import request
from tests.end_to_end.load import Load
from tests.end_to_end.server import Server, serve
from tests.endurance.namespaces import Namespace, namespaces
from tests.endurance.proxies import Haproxy, HealthCheck, run_haproxy
from tests.samples import card_examples

DIGIT = request("POST", "/reconstruct", {"images": card_examples()[:1]})
MANIFEST = read(BASE / "deployment.yaml")
DEPLOYMENT: Document = of_kind(MANIFEST, "Deployment")["spec"]
POD = deployed_pod(MANIFEST)
(CONTAINER,) = POD.containers
PORT = CONTAINER.ports[0].container_port
REQUESTS = 20_000
SECONDS = 400


def readiness() -> HealthCheck:
    """Return the manifest's readiness probe, as HAProxy's check."""
    probe = CONTAINER.readiness_probe
    times = f"inter {probe.period_seconds}s"
    counts = f"fall {probe.failure_threshold} rise {probe.success_threshold}"
    return HealthCheck(probe.http_get.path, f"{times} {counts}", probe.timeout_seconds)


@dataclass
class Pods:
    """Instances in namespaces: started as a pod is, and ended as a pod is."""

    spaces: list[Namespace]
    running: dict[int, tuple[ExitStack, Server]] = field(default_factory=dict)

    async def start(self, number: int) -> None:
        """Start an instance with the manifest's variables; wait until it listens."""
        flags = ("--host", "0.0.0.0", "--port", str(PORT), "--workers", "1")  # noqa: S104 - in its namespace
        stack = ExitStack()
        context = serve(
            *flags, through=self.spaces[number].enter, **CONTAINER.variables
        )
        server = await asyncio.to_thread(stack.enter_context, context)
        self.running[number] = (stack, server)

    async def end(self, number: int) -> None:
        """Send SIGTERM; SIGKILL is not needed within the manifest's grace period."""
        stack, server = self.running.pop(number)
        server.process.send_signal(signal.SIGTERM)
        seconds = POD.termination_grace_period_seconds
        assert await asyncio.to_thread(server.process.wait, seconds) == 0
        stack.close()

    def kill(self) -> None:
        """End what is left, without its drain delay."""
        for stack, server in self.running.values():
            server.process.kill()
            stack.close()


@contextmanager
def pods(ip: str, count: int) -> Iterator[Pods]:
    """Create namespaces for instances; end what runs in them."""
    with namespaces(ip, count) as spaces:
        instances = Pods(spaces)
        try:
            yield instances
        finally:
            instances.kill()


@contextmanager
def behind_haproxy(binary: str, folder: Path, instances: Pods) -> Iterator[Haproxy]:
    """Run HAProxy in front of all namespaces, with the manifest's readiness probe."""
    addresses = [f"{space.address}:{PORT}" for space in instances.spaces]
    with run_haproxy(binary, folder, addresses, readiness()) as proxy:
        yield proxy


Update = Callable[[Pods, Haproxy], Awaitable[None]]


async def surge(instances: Pods, proxy: Haproxy) -> None:
    """Replace instances 0 and 1 as the manifest says: first a new one, then an old."""
    for new, old in ((2, 0), (0, 1)):
        await instances.start(new)
        await proxy.wait_until_up(0, 1, 2)
        await asyncio.sleep(DEPLOYMENT["minReadySeconds"])
        await instances.end(old)
        await proxy.wait_until_up(*{0, 1, 2} - {old})


async def in_place(instances: Pods, proxy: Haproxy) -> None:
    """Replace instances 0 and 1 where there is no room for a third."""
    for number in (0, 1):
        await instances.end(number)
        await instances.start(number)
        await proxy.wait_until_up(0, 1)
        await asyncio.sleep(DEPLOYMENT["minReadySeconds"])


@pytest.mark.parametrize("update", [surge, in_place])
def test_a_rolling_update_loses_no_request(
    haproxy: str, ip_netns: str, tmp_path: Path, update: Update
) -> None:
    """Of 20,000 or more, while both instances are replaced."""

    async def run(instances: Pods, proxy: Haproxy) -> Load:
        await asyncio.gather(instances.start(0), instances.start(1))
        await proxy.wait_until_up(0, 1)
        load = Load(proxy.port, DIGIT, clients=8)
        sending = asyncio.create_task(load.run())
        await update(instances, proxy)
        await load.reach(REQUESTS)
        load.stop()
        await sending
        return load

    count = 3 if update is surge else 2
    with (
        pods(ip_netns, count) as instances,
        behind_haproxy(haproxy, tmp_path, instances) as proxy,
    ):
        load = asyncio.run(asyncio.wait_for(run(instances, proxy), SECONDS))

    assert load.cut == []
    assert set(load.statuses) == {200}, load.bodies
    assert load.answered >= REQUESTS
