"""What is remembered of every entity, and the kernels that keep it exact."""
