"""Benchmarks of the service and of training, compared with alternatives."""
