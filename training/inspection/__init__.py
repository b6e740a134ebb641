"""Inspection: a map of anomalies, and a threshold with a false-alarm rate."""
