"""What is watched while payments are decided: drift of features and scores, quality by window."""
