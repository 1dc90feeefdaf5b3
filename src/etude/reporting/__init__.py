"""Reports: tables, charts and one HTML page, drawn from what the store holds."""
