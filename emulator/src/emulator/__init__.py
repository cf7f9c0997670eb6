"""Cloud Storage, Dataflow, Vertex AI and Cloud Logging on one machine: the wire protocols, and real jobs."""
