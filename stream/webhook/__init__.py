"""Alerts to a web address of somebody else's, signed, at least once."""
