"""What a dataset's DAG file says, as far as a conversion and a training need it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.by_hand import program
from local.home import CHECKOUT, DAGS, Home


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A dataset's spec.

    Attributes:
        contract: the document that travels as `features.json`.
        module: the Python module that trains.
        arguments: its flags without the dashes.
    """

    contract: dict[str, Any]
    module: str
    arguments: Mapping[str, Any]

    @classmethod
    def read(cls, dataset: str, home: Home) -> Spec:
        """The spec in `dags/<dataset>_training.py`.

        Raises:
            StackError: there is no such file, or it can't be read; the reason is on the terminal.
        """
        environment = {
            # DAG files import Airflow, which writes a configuration file into its home.
            "AIRFLOW_HOME": str(home.by_hand / ".airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PYTHONPATH": str(CHECKOUT / "plugins"),
        }
        text = program.output(
            "retraining.spec", [dataset, "--dags", str(DAGS)], show=False, environment=environment
        )
        document = json.loads(text)
        return cls(contract=document["contract"], module=document["module"], arguments=document["arguments"])
