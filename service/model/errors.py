"""Errors of a model.

AutoencoderError
├── ModelLoadError
├── InferenceError
├── NoInspectorError
└── OverloadedError
"""


class AutoencoderError(Exception):
    """Base of the errors; the message is one clear line."""


class ModelLoadError(AutoencoderError):
    """The folder does not contain a complete model that matches its card."""


class InferenceError(AutoencoderError):
    """The model is loaded, but inference fails."""


class NoInspectorError(AutoencoderError):
    """The model has no inspector, or it is not calibrated."""

    def __init__(self) -> None:
        super().__init__("the model has no inspector")


class OverloadedError(AutoencoderError):
    """A request would wait too long; the time until then, in seconds, is known."""

    def __init__(self, message: str, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(message)
