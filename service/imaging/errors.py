"""What can be wrong with a picture."""


class ImageError(Exception):
    """The text is not a picture that this room reads; the message says why, for its sender."""
