"""Evidence: intervals, ranks and honest estimates, computed from the records of a study alone."""
