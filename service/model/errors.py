"""Errors of a model.

AutoencoderError
├── ModelLoadError
└── InferenceError
"""


class AutoencoderError(Exception):
    """Base of a model's errors; the message is one line."""


class ModelLoadError(AutoencoderError):
    """The folder does not hold a complete model that fits its card."""


class InferenceError(AutoencoderError):
    """The model is loaded but an inference failed."""
