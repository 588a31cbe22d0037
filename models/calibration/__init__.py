"""Scores made into probabilities, one label at a time."""
