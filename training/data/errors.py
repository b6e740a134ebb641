"""The exceptions of this package."""

from collections.abc import Mapping

from training.console import printable

NAMED_PICTURES = 5  # in a message


class DataError(Exception):
    """A data set is missing, damaged or another one; the message names the file."""


class BrokenPicturesError(DataError):
    """Pictures that cannot be read.

    Attributes:
        pictures: The reason for each, by its name.
    """

    def __init__(self, pictures: Mapping[str, str]) -> None:
        named = list(pictures.items())[:NAMED_PICTURES]
        reasons = "; ".join(f"{printable(name)}: {reason}" for name, reason in named)
        more = len(pictures) - len(named)
        rest = f"; and {more} more" if more else ""
        super().__init__(f"{reasons}{rest} (--skip-broken leaves such files out)")
        self.pictures = pictures
