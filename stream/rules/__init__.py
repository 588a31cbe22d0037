"""Rules that people write: read, checked, compiled to a small program, run on batches."""
