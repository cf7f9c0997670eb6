"""One dataset from raw data to a served model, watched at the terminal."""
