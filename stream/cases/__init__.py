"""Alerts in the hands of people: verdicts, orders that somebody else approves."""
