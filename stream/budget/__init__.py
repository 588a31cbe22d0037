"""So many alerts a day: the threshold that gives them, and what it is worth."""
