"""Configurations beside each other, on the same streams, over several seeds."""
