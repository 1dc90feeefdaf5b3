"""How sides are run, timed and written down: the same way for every row."""
