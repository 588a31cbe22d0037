"""How good scores are where partitions learn alone, and where one of them learns for all."""
