"""Errors of a model.

AutoencoderError
├── ModelLoadError
├── InferenceError
└── OverloadedError
"""


class AutoencoderError(Exception):
    """Base of the errors; the message is one clear line."""


class ModelLoadError(AutoencoderError):
    """The folder does not contain a complete model that matches its card."""


class InferenceError(AutoencoderError):
    """The model is loaded, but inference fails."""


class OverloadedError(AutoencoderError):
    """Too many images are waiting for the model."""
