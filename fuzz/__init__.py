"""Fuzzing of the image reader and of the API."""
