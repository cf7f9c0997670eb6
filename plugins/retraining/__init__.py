"""The retraining chain for Airflow: from raw data to a model version that serves."""
