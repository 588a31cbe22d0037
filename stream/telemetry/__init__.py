"""What went through a worker and how it stands, as values for other threads."""
