"""Models of tables: from raw columns to a prediction, from the contract and the statistics alone."""
