"""The exception of this package."""


class DataError(Exception):
    """A data set is missing, damaged or another one; the message names the file."""
