"""Base64 is written and read strictly, with or without the prefix of a data URI."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.imaging.codec import base64_text, decode_base64
from service.imaging.errors import ImageError


@given(st.binary())
def test_bytes_are_recovered_from_their_text(content: bytes) -> None:
    """Python's own strict decoder reads the same text."""
    text = base64_text(content)

    assert decode_base64(text) == content
    assert base64.b64decode(text, validate=True) == content


@pytest.mark.parametrize(
    "prefix",
    ["data:image/png;base64,", "data:;base64,", "data:image/png;charset=utf-8;base64,"],
)
def test_a_data_uri_is_decoded(prefix: str) -> None:
    """The text of a browser's canvas can be sent unchanged."""
    assert decode_base64(prefix + "AAEC") == bytes([0, 1, 2])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("A", "not base64"),
        ("AAA", "not base64"),
        ("=" * 8, "not base64"),
        ("AAAA\n", "not base64"),
        ("AéAA", "not base64"),
        ("https://example.com/digit.png", "not base64"),
        ("file:///etc/passwd", "not base64"),
        ("data:image/png,AAAA", "a data URI without base64"),
    ],
)
def test_any_other_text_is_rejected(text: str, reason: str) -> None:
    """No text is ever used as an address."""
    with pytest.raises(ImageError, match=reason):
        decode_base64(text)
