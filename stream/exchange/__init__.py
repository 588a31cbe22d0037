"""What partitions tell each other, so that features of any entity see all its payments."""
