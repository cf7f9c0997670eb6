"""Sample data of each dataset, made or fetched."""
