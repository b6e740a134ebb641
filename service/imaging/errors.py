"""The error that decoding an image raises."""


class ImageError(Exception):
    """Content that cannot be decoded; the message explains why, for its sender.

    Attributes:
        index: Position of the item in the list that was decoded.
    """

    def __init__(self, message: str, index: int = 0) -> None:
        super().__init__(message)
        self.index = index


def damaged(name: str) -> ImageError:
    """Return the error for a file that breaks the rules of the format ``name``."""
    return ImageError(f"a damaged or truncated {name}")
