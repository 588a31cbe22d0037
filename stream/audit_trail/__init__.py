"""The trail of administrative acts: each entry holds the hash of the one before it."""
