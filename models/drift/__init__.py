"""Detectors of drift: whether a stream of numbers is still the one it was."""
