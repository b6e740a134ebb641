"""What can be wrong with a picture."""

DAMAGED = "a damaged or truncated PNG"


class ImageError(Exception):
    """The text is not a picture that this room reads; the message says why, for its sender."""
