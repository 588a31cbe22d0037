"""Seeded streams of transactions and labels, for demos, tests and measurements."""
