"""The autoencoder, its ONNX Runtime backend, and the mathematics of its latent space.

Knows neither HTTP nor image formats.
"""
