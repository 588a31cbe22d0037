"""One model for all partitions: who learns it, and how the others come to it."""
