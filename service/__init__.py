"""Answers HTTP: a variational autoencoder in ONNX Runtime behind FastAPI."""

import os

__version__ = "0.1.0"

os.environ["OPENBLAS_NUM_THREADS"] = (
    "1"  # read when numpy is imported: its pool would idle, one thread a processor
)
