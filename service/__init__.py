"""HTTP service: a variational autoencoder in ONNX Runtime behind FastAPI."""

import os

__version__ = "0.1.0"

# Read when numpy is imported: OpenBLAS would start one thread a processor.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
