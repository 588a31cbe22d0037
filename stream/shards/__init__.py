"""The states of a worker, and which record goes to which."""
