"""Input of a connection that has been read and is not parsed yet."""

MAX_PIECE_BYTES = 16 * 1024
VERSION = b" HTTP/"
EMPTY_LINE = b"\r\n\r\n"

Piece = bytes | memoryview


class UnparsedInput:
    """Input that waits to be parsed, in pieces that hold one request at most.

    A client that sends many requests in one packet would else have all of them in
    memory as objects, each of a hundred times its bytes.
    """

    def __init__(self) -> None:
        self._data = b""
        self._start = 0

    def __len__(self) -> int:
        return len(self._data) - self._start

    def append(self, data: bytes) -> None:
        """Add what was read."""
        if self._data:
            data = self._data[self._start :] + data
        self._data = data
        self._start = 0

    def take_piece(self, body_left: int) -> Piece:
        """Remove and return the next piece.

        body_left: bytes of a body that is to come, as Content-Length says; 0 if
            unknown. It is one piece, of any length.
        """
        data, start = self._data, self._start
        if body_left:
            end = start + body_left
        else:
            end = piece_end(data, start)
            if len(data) > end:  # a large body is then one piece: it is copied less
                end = head_end(data, start, end)
        if end < len(data):
            self._start = end
            return memoryview(data)[start:end]
        self.clear()
        return memoryview(data)[start:] if start else data

    def clear(self) -> None:
        """Remove everything."""
        self._data = b""
        self._start = 0


def head_end(data: bytes, start: int, end: int) -> int:
    """Return the end of a request's head, or ``end`` if that comes before it."""
    empty_line = data.find(EMPTY_LINE, start, end)
    return end if empty_line < 0 else empty_line + len(EMPTY_LINE)


def piece_end(data: bytes, start: int) -> int:
    """Return the end of a piece that holds at most one line of a request.

    The piece ends before the first line, other than its own first one, that looks like
    a request's. Where a body or a header only looks like one, the piece is shorter than
    it could be.
    """
    end = min(len(data), start + MAX_PIECE_BYTES)
    first_line_end = data.find(b"\n", start, end)
    if first_line_end < 0:
        return end
    version = data.find(VERSION, first_line_end, end)
    if version < 0:
        return end
    return data.rfind(b"\n", start, version) + 1
