"""What a worker is, kept as files: to go on after a crash where it was."""
