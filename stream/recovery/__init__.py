"""The journal, and what a worker makes of it after a crash."""
