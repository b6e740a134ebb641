"""Exported files: ONNX graphs, model card, latent statistics."""
