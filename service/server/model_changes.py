"""Requests of workers to the supervisor, which loads models for all of them."""

import asyncio
import json
import os
import socket
from dataclasses import dataclass

from service.model.errors import ModelLoadError, OverloadedError
from service.model.repository import ModelChange

MAX_BYTES = 4096  # of a request or its outcome, which a pipe takes at once
MAX_REASON_CHARACTERS = 500
STOPPING = "the service is stopping"


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """A request that the supervisor has received.

    process: the worker's process id.
    reply: descriptor of a pipe that the worker reads.
    """

    change: ModelChange
    process: int
    reply: int

    def finish(self, reason: str) -> None:
        """Send the reason of a failure, or an empty text, to the worker."""
        content = json.dumps(reason[:MAX_REASON_CHARACTERS]).encode()
        try:
            os.write(self.reply, content)
        except BrokenPipeError:  # the worker has ended
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Close the pipe."""
        os.close(self.reply)


class ChangeRequests:
    """The way from workers to the supervisor. Create it before workers are forked.

    A request is a datagram with the write end of a pipe.

    inbox: readable while requests wait; only the supervisor's.
    outbox: the workers' end.
    """

    def __init__(self) -> None:
        self.inbox, self.outbox = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.inbox.settimeout(0)
        self.outbox.settimeout(0)

    def receive(self) -> list[ChangeRequest]:
        """Return the requests that wait."""
        requests: list[ChangeRequest] = []
        while True:
            try:
                content, pipes, _, _ = socket.recv_fds(self.inbox, MAX_BYTES, 1)
            except BlockingIOError:
                return requests
            action, name, process = json.loads(content)
            change = ModelChange(action, name)
            requests.append(ChangeRequest(change, process, *pipes))

    async def send(self, change: ModelChange) -> None:
        """Have the supervisor change a model in all workers.

        Raises ModelLoadError if it could not, OverloadedError if too many requests
        wait.
        """
        read_end, write_end = os.pipe()
        try:
            content = json.dumps([*change, os.getpid()]).encode()
            try:
                socket.send_fds(self.outbox, [content], [write_end])
            except OSError as error:  # it would block, or has no buffer
                raise OverloadedError("too many changes of models wait", 1) from error
            finally:
                os.close(write_end)
            await wait_until_readable(read_end)
            outcome = os.read(read_end, MAX_BYTES)
        finally:
            os.close(read_end)
        reason = json.loads(outcome) if outcome else STOPPING
        if reason:
            raise ModelLoadError(reason)


async def wait_until_readable(descriptor: int) -> None:
    """Wait until a descriptor has data, or has reached its end."""
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(descriptor, readable.set_result, None)
    try:
        await readable
    finally:
        loop.remove_reader(descriptor)
