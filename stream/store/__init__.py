"""Redis and copies elsewhere: what others may read, and nothing that scoring needs."""
