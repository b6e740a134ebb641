"""Offline training: fit, measure and export the variational autoencoder to ONNX."""
