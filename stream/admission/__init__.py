"""Which alerts go out: not the same entity again and again, nor what somebody has snoozed."""
