"""A prediction server for SavedModels, with the contract of Vertex AI's containers."""
