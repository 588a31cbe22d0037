"""Detectors of anomalies: they need no labels."""
