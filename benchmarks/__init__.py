"""The benchmarks: how fast we are, beside what one would use otherwise, in one run."""
