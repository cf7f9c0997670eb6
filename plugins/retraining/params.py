"""The fields of the trigger form: typed, described, with the spec's values as their defaults."""

from __future__ import annotations

from airflow.sdk import Param

from dataset_contract import DatasetSpec

_JSON_TYPES = {str: "string", int: "integer", float: "number"}
_MINIMUM = {"train_steps": 1, "train_batch_size": 1, "steps_per_eval": 1, "image_size": 1, "num_epochs": 1}


def run_params(spec: DatasetSpec) -> dict[str, Param]:
    """The parameters of a run: `source`, `promote`, and each argument of the training."""
    params = {
        "source": Param(
            None,
            type=["null", "string"],
            title="Data source",
            description=f"A folder or a gs:// URI in place of {spec.source}",
            section="Data",
        ),
        "promote": Param(
            True,
            type="boolean",
            title="Promote",
            description="Put the model into production if the gate allows it; otherwise only evaluate",
            section="Promotion",
        ),
    }
    for name, value in spec.training.arguments.items():
        bounds = {"minimum": _MINIMUM[name]} if name in _MINIMUM else {}
        params[name] = Param(
            value,
            type=_JSON_TYPES[type(value)],
            title=name.replace("_", " ").capitalize(),
            description=f"--{name} of {spec.training.module}",
            section="Training",
            **bounds,
        )
    return params
