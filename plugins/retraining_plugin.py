"""The one file that Airflow runs as a plugin; what it offers is in the package `retraining`."""

from typing import ClassVar

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink
from retraining.links import JobLink, TensorBoardLink


class RetrainingPlugin(AirflowPlugin):
    """The retraining chain."""

    name = "retraining"
    operator_extra_links: ClassVar[list[BaseOperatorLink]] = [JobLink(), TensorBoardLink()]
