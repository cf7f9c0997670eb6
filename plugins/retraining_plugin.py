"""The one file that Airflow runs as a plugin; what it offers is in the package `retraining`."""

from airflow.plugins_manager import AirflowPlugin


class RetrainingPlugin(AirflowPlugin):
    """The retraining chain."""

    name = "retraining"
