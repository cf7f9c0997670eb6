"""Prediction server for SavedModels that implements Vertex AI's container contract."""
