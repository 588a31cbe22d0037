"""Compiled models as such: matrices of fixed width, and River's dictionaries as their rows."""
