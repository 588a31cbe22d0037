"""The configuration: one file, read once, checked whole."""
