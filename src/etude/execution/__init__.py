"""The one place that joins engine and store: run, resume, refit."""
