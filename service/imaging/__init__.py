"""Bytes to pixels and back: the only room that knows image formats and base64. Knows no HTTP and no model."""
