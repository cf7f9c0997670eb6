"""CSV files to records, a row each."""
