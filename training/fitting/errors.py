"""The exception of this package."""


class TrainingError(Exception):
    """Training cannot start, continue or resume. The message gives the reason."""
