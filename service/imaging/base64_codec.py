"""Base64 text to bytes and back."""

import binascii

from service.imaging.errors import ImageError


def base64_text(content: bytes) -> str:
    """Return bytes as base64 without line breaks."""
    return binascii.b2a_base64(content, newline=False).decode("ascii")


def decode_base64(text: str) -> bytes:
    """Return the bytes of standard, padded base64 without line breaks.

    A data URI's prefix is allowed. Raises ImageError.
    """
    if text.startswith("data:"):
        prefix, _, text = text.partition(",")
        if not prefix.endswith(";base64"):
            raise ImageError("a data URI without base64")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        reason = "not base64 (standard alphabet, padded, no line breaks)"
        raise ImageError(reason) from error
