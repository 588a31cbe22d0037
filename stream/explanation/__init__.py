"""Evidence in words: for a terminal, a page, a case."""
