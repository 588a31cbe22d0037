"""The guard: the stages of the hot path may not become slower unseen."""
