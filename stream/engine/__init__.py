"""The engine: batches in, effects out, a function of its inputs alone."""
