"""Compressed request bodies (RFC 9110, 8.4): gzip and deflate.

zstd is not decoded: it would need a dependency, and clients compress requests with it
only for servers that are known to accept it. ``Accept-Encoding`` of a 415 response
lists the accepted encodings.
"""

from zlib_ng import zlib_ng

from service.api.body import header_text, too_large
from service.api.errors import (
    UNSUPPORTED_MEDIA_TYPE,
    ProblemError,
    unreadable_body,
)

GZIP, DEFLATE, IDENTITY = b"gzip", b"deflate", b"identity"
ALIASES = {b"x-gzip": GZIP}
# Window sizes of zlib: a gzip header, or a zlib header, which "deflate" means.
WINDOW_BITS = {GZIP: 31, DEFLATE: 15}
ACCEPTED = {"Accept-Encoding": "gzip, deflate, identity"}


def check_encoding(header: bytes) -> bytes:
    """Return the encoding that Content-Encoding names, empty for ``identity``.

    Raises ProblemError for an unknown encoding, and for more than one.
    """
    names = [name.strip().lower() for name in header.split(b",")]
    encodings = [name for name in names if name not in {b"", IDENTITY}]
    if not encodings:
        return b""
    encoding = ALIASES.get(encodings[0], encodings[0])
    if len(encodings) > 1 or encoding not in WINDOW_BITS:
        raise ProblemError(
            UNSUPPORTED_MEDIA_TYPE,
            "Content-Encoding must be gzip, deflate or identity; is "
            f"{header_text(header)}",
            ACCEPTED,
        )
    return encoding


def decompress(content: bytes, encoding: bytes, limit: int) -> bytes:
    """Return a body without its encoding, at most ``limit`` bytes.

    No more than that is ever unpacked. Raises ProblemError for a larger body, and for
    one that is damaged, incomplete or of several gzip members: no HTTP client sends
    these, and 2 MiB of empty members would take a second.
    """
    name = encoding.decode()
    stream = zlib_ng.decompressobj(WINDOW_BITS[encoding])
    try:
        unpacked = stream.decompress(content, limit + 1)
    except zlib_ng.error as error:  # type: ignore[misc]  # its stub has no class
        raise unreadable_body(f"not {name}: {error}") from error
    if len(unpacked) > limit:
        raise too_large(f"more than {limit}", limit)
    if not stream.eof:
        raise unreadable_body(f"not {name}: it has no end")
    if stream.unused_data:
        raise unreadable_body(f"not {name}: data follow its end")
    return unpacked
