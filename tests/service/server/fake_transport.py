"""A transport without a socket."""

import asyncio

from typing_extensions import override


class FakeTransport(asyncio.Transport):
    """Transport that notes what is done with it."""

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self._protocol = protocol
        self.writes: list[bytes] = []
        self.output_ended = False
        self.unsent = 0
        self._reading = True
        self._closing = False

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    @override
    def write_eof(self) -> None:
        self.output_ended = True

    @override
    def get_write_buffer_size(self) -> int:
        return self.unsent

    @override
    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    @override
    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    @override
    def pause_reading(self) -> None:
        self._reading = False

    @override
    def resume_reading(self) -> None:
        self._reading = True

    @override
    def is_reading(self) -> bool:
        return self._reading

    @override
    def is_closing(self) -> bool:
        return self._closing

    @override
    def close(self) -> None:
        self._closing = True

    @override
    def abort(self) -> None:
        self._closing = True
