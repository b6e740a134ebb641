"""Errors of a model.

AutoencoderError
├── ModelLoadError
├── InferenceError
└── OverloadedError
"""


class AutoencoderError(Exception):
    """Base of the errors; the message is one clear line."""


class ModelLoadError(AutoencoderError):
    """The folder is not a complete model that fits its card."""


class InferenceError(AutoencoderError):
    """The model is loaded but does not compute."""


class OverloadedError(AutoencoderError):
    """More images are waiting for the model than may be."""
