"""A partition of a topic: its name and its number."""

Partition = tuple[str, int]
