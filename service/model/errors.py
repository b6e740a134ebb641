"""What can go wrong with a model.

AutoencoderError
├── ModelLoadError
└── InferenceError
"""


class AutoencoderError(Exception):
    """Base of this room's errors; the message is one clear line."""


class ModelLoadError(AutoencoderError):
    """The folder is not a complete model that fits its card."""


class InferenceError(AutoencoderError):
    """The model is loaded but does not compute."""
