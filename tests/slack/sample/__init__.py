"""Small commands that behave in every way a command can."""
