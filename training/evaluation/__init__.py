"""Measures of an exported model and their plots."""
