"""Lists of entities and categories: who is allowed, denied or watched, until when and why."""
