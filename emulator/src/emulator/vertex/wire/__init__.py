"""Vertex AI's JSON over HTTP: which request is which method, and what its messages look like."""
