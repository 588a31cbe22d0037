"""What each command does, once it has been chosen."""
