"""Models that are kept: versions of them in a folder, with all that is known of each."""
