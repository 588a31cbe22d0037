"""Additive models: one curve a feature."""
