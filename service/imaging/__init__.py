"""Bytes to pixels and back: the only package that knows image formats and base64.

It knows neither HTTP nor the model. Pixels are arrays of (channels, height, width).
"""
