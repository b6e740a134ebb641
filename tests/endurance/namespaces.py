"""Network namespaces: machines with an address of their own, on one machine."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Namespace:
    """A network namespace, and the address at which this machine reaches it.

    ``enter`` is a command that becomes the program whose command line follows.
    """

    address: str
    enter: tuple[str, ...]


@contextmanager
def namespaces(ip: str, count: int) -> Iterator[list[Namespace]]:
    """Create namespaces, each connected to this machine alone; remove them after."""
    with ExitStack() as stack:
        yield [stack.enter_context(namespace(ip, number)) for number in range(count)]


@contextmanager
def namespace(ip: str, number: int) -> Iterator[Namespace]:
    """Create a namespace; remove it, and with it the link, at the end.

    The addresses are of 198.18.0.0/15, which no machine of the internet has.
    """

    def run(*arguments: str) -> None:
        subprocess.run([ip, *arguments], check=True)

    process = os.getpid()
    name = f"vae-service-{process}-{number}"
    link = f"vae{process}n{number}"
    network = f"198.18.{process % 256}"
    first = 4 * number  # of the four addresses of a /30 network
    address = f"{network}.{first + 2}"
    with ExitStack() as stack:
        run("netns", "add", name)
        stack.callback(run, "netns", "delete", name)
        peer = ("peer", "name", "eth0", "netns", name)
        run("link", "add", link, "type", "veth", *peer)
        # Otherwise it would end some time after the namespace.
        stack.callback(run, "link", "delete", link)
        run("address", "add", f"{network}.{first + 1}/30", "dev", link)
        run("link", "set", link, "up")
        run("-n", name, "address", "add", f"{address}/30", "dev", "eth0")
        run("-n", name, "link", "set", "lo", "up")
        run("-n", name, "link", "set", "eth0", "up")
        yield Namespace(address, (ip, "netns", "exec", name))
