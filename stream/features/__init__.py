"""Features: what is declared of a transaction, and how it is computed."""
