"""Ink on a page: found as a person would find it, and placed as MNIST's digits are."""
