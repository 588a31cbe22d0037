"""Which model is to decide: champion and challengers compared by what became known."""
