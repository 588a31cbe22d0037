"""The live page: what a worker does now, and what is known of it only later."""
