"""The one file that Airflow runs as a plugin; what it offers is in the package `retraining`."""

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink

from retraining.links import JobLink, TensorBoardLink
from retraining.ui import entry


class RetrainingPlugin(AirflowPlugin):
    """The retraining chain."""

    name = "retraining"
    operator_extra_links: ClassVar[list[BaseOperatorLink]] = [JobLink(), TensorBoardLink()]
    fastapi_apps: ClassVar[list[dict[str, Any]]] = entry.fastapi_apps()
    external_views: ClassVar[list[dict[str, Any]]] = entry.external_views()
