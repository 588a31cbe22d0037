"""Linear models: one weight a feature."""
