"""One file over many processes: the same bytes as one would have made."""
