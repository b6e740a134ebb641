"""Compressed request bodies (RFC 9110, 8.4): gzip, deflate and zstd.

``Accept-Encoding`` of a 415 response lists the accepted encodings.
"""

import sys
from collections.abc import Callable
from typing import Protocol

from zlib_ng import zlib_ng

from service.api.body import header_text, too_large
from service.api.errors import (
    UNSUPPORTED_MEDIA_TYPE,
    ProblemError,
    unreadable_body,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

IDENTITY = b"identity"
ALIASES = {b"x-gzip": b"gzip"}
ACCEPTED = {"Accept-Encoding": "gzip, deflate, zstd, identity"}
# Window sizes of zlib: a gzip header, or a zlib header, which "deflate" means.
GZIP_WINDOW, ZLIB_WINDOW = 31, 15
# At most 8 MB, as RFC 9659 wants it: a frame may ask for gigabytes.
ZSTD_OPTIONS: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 23}


class Decompressor(Protocol):
    """Decompressor of one stream, with the interface of Python's own ones."""

    @property
    def eof(self) -> bool:
        """True once the stream's end was reached."""

    @property
    def unused_data(self) -> bytes:
        """The bytes after the end."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Return at most ``max_length`` bytes."""


DECOMPRESSORS: dict[bytes, Callable[[], Decompressor]] = {
    b"gzip": lambda: zlib_ng.decompressobj(GZIP_WINDOW),
    b"deflate": lambda: zlib_ng.decompressobj(ZLIB_WINDOW),
    b"zstd": lambda: zstd.ZstdDecompressor(options=ZSTD_OPTIONS),
}
ERRORS: tuple[type[Exception], ...] = (
    zlib_ng.error,  # type: ignore[assignment]  # its stub has no class
    zstd.ZstdError,
)


def check_encoding(header: bytes) -> bytes:
    """Return the encoding that Content-Encoding names, empty for ``identity``.

    Raises ProblemError for an unknown encoding, and for more than one.
    """
    names = [name.strip().lower() for name in header.split(b",")]
    encodings = [name for name in names if name not in {b"", IDENTITY}]
    if not encodings:
        return b""
    encoding = ALIASES.get(encodings[0], encodings[0])
    if len(encodings) > 1 or encoding not in DECOMPRESSORS:
        raise ProblemError(
            UNSUPPORTED_MEDIA_TYPE,
            "Content-Encoding must be gzip, deflate, zstd or identity; is "
            f"{header_text(header)}",
            ACCEPTED,
        )
    return encoding


def decompress(content: bytes, encoding: bytes, limit: int) -> bytes:
    """Return a body without its encoding, at most ``limit`` bytes.

    No more than that is ever unpacked. Raises ProblemError for a larger body, and for
    one that is damaged, incomplete or of several gzip members or zstd frames: no HTTP
    client sends these, and 2 MiB of empty members would take a second.
    """
    name = encoding.decode()
    stream = DECOMPRESSORS[encoding]()
    try:
        unpacked = stream.decompress(content, limit + 1)
    except ERRORS as error:
        raise unreadable_body(f"not {name}: {error}") from error
    if len(unpacked) > limit:
        raise too_large(f"more than {limit}", limit)
    if not stream.eof:
        raise unreadable_body(f"not {name}: it has no end")
    if stream.unused_data:
        raise unreadable_body(f"not {name}: data follow its end")
    return unpacked
