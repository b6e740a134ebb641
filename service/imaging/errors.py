"""What can be wrong with a picture."""


class ImageError(Exception):
    """The content is not a picture that this room reads; the message says why, for its sender."""


def damaged(name: str) -> ImageError:
    """The refusal of a file of that format that is wrong in itself."""
    return ImageError(f"a damaged or truncated {name}")
