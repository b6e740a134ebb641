"""Answers HTTP: a variational autoencoder in ONNX Runtime behind FastAPI."""

__version__ = "0.1.0"
