"""How good the decisions were, judged by the scores given when they were made."""
