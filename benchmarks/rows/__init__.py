"""One module a row of the results."""
