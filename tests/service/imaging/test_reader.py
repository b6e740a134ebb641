"""Files are decoded by Pillow only after their header has been checked."""

import struct

import pytest

from service.imaging.errors import ImageError
from service.imaging.reader import check_size, read_image


def test_more_rows_than_pillow_supports_are_rejected() -> None:
    """Pillow reads a BMP of negative height as a very high one."""
    header = struct.pack("<IiiHH6I", 40, 1, -(2**24) - 1, 1, 24, *[0] * 6)
    content = b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header
    with pytest.raises(ImageError, match="damaged or truncated BMP"):
        read_image(content, 20_000_000)


@pytest.mark.parametrize(("width", "height"), [(0, 5), (-16, 24), (5, 5), (25, 1)])
def test_a_size_without_pixels_or_with_too_many_is_rejected(
    width: int, height: int
) -> None:
    """The bound belongs to the sizes that are allowed."""
    check_size(6, 4, max_pixels=24)
    with pytest.raises(ImageError, match=r"must have 1 to 24 \(VAE_MAX"):
        check_size(width, height, max_pixels=24)
