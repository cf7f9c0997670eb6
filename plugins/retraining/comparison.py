"""Comparison with the version in production: an obstacle to it is known before a machine starts.

A column that came or went, a label of another kind, files that are gone: no training could be compared with
such a version. It is no error but an outcome, and `GateSpec.not_comparable` says what follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from contract import FEATURES_FILENAME, ContractError, DataContract, DatasetSpec, naming
from contract.artifacts import Evaluation
from contract.data_contract import is_unseen
from retraining.context import GoogleServices
from retraining.google.models import ModelVersion

SAVED_MODEL = "saved_model.pb"
_DTYPES = {"string": "string", "int64": "float32", "float32": "float32"}
_CONSEQUENCES = {
    "decline": "it won't be promoted",
    "promote": "it can be promoted all the same",
    "ask": "a person decides on its promotion",
}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Comparison of a new model with the version in production.

    Attributes:
        production: the version in production; None if there is none.
        obstacle: why the two can't be compared, a clause; empty if they can, or if there is none.
    """

    production: ModelVersion | None
    obstacle: str = ""

    def sentence(self, policy: str) -> str:
        """Return the obstacle and its consequence for people; empty without an obstacle."""
        if self.production is None or not self.obstacle:
            return ""
        return (
            f"Not comparable with version {self.production.version} in production, because {self.obstacle}; "
            f"{_CONSEQUENCES[policy]}."
        )


def compare_with_production(services: GoogleServices, spec: DatasetSpec, *, split: str = "") -> Comparison:
    """Return the version in production, and whether a model of the spec can be compared with it.

    Args:
        services: of the deployment.
        spec: the dataset.
        split: identity of the records' split; empty where it isn't known yet.
    """
    production = services.production_version(spec.name)
    if production is None:
        return Comparison(production=None)
    return Comparison(production=production, obstacle=_obstacle(services, spec.contract, production, split))


def split_identity(services: GoogleServices, spec: DatasetSpec, snapshot: str) -> str:
    """Return the identity of the split of a snapshot's records; empty if the snapshot isn't known.

    Args:
        services: of the deployment.
        spec: the dataset.
        snapshot: the id of its raw data, whose newest partition may be the validation split.
    """
    contract = spec.contract
    if not snapshot or contract.split.partition is None:
        return contract.split_identity if snapshot else ""
    raw = services.storage.list(services.names(spec.name).raw_folder(snapshot))
    days = [day for item in raw if (day := contract.split.partition_of(item.name)) is not None]
    split = contract.split.resolved(min(days, default=None), max(days, default=None))
    return replace(contract, split=split).split_identity


def _obstacle(services: GoogleServices, contract: DataContract, production: ModelVersion, split: str) -> str:
    model = f"{production.artifact_uri.rstrip('/')}/"
    if not services.storage.exists(model + SAVED_MODEL):
        return f"its files are gone: {model}{SAVED_MODEL} does not exist"
    folder = naming.job_folder_of(model)
    try:
        evaluation = services.storage.read_artifact(folder, Evaluation)
    except (FileNotFoundError, ContractError) as error:
        return f"its evaluation can't be read: {error}"
    theirs, ours = evaluation.export.signature.inputs, contract.model_inputs
    differences = [
        *(f"it knows no {name}" for name in ours if name not in theirs),
        *(f"it takes {name}, which the records lack" for name in theirs if name not in ours),
    ]
    for name, feature in ours.items():
        dtype = theirs.get(name, {}).get("dtype", _DTYPES[feature.dtype])
        if dtype != _DTYPES[feature.dtype]:
            differences.append(f"{name} is a {dtype} to it")
    if bool(evaluation.labels) != bool(contract.label.vocabulary) and evaluation.confusion_matrix:
        differences.append("it predicts a class")
    elif evaluation.residuals and contract.label.vocabulary:
        differences.append("it predicts a quantity")
    if split and not differences:
        differences += _leak(services, split, evaluation, production)
    return ", ".join(differences)


def _leak(
    services: GoogleServices, split: str, evaluation: Evaluation, production: ModelVersion
) -> list[str]:
    """Return why production may have been trained on validation records of a split; none if it wasn't."""
    theirs = production.labels.get(naming.SPLIT_LABEL, "") or _split_of(services, evaluation.data_dir)
    until = naming.time_of_label(production.labels.get(naming.DATA_UNTIL_LABEL, ""))
    if is_unseen(split, theirs, their_data_until=until and until.date()):
        return []
    if not theirs:
        return ["it isn't known on which records it was trained"]
    return [f"it may have been trained on these validation records: its split is {theirs}, this one {split}"]


def _split_of(services: GoogleServices, data_dir: str) -> str:
    """Return the split's identity of a version from before versions had it; empty where it isn't known."""
    folder = data_dir.split(",", maxsplit=1)[0]
    try:
        text = services.storage.read_text(f"{folder.rstrip('/')}/{FEATURES_FILENAME}") if folder else ""
        contract = DataContract.from_features_json(text)
    except (FileNotFoundError, ContractError):
        return ""
    return "" if contract.split.partition is not None else contract.split_identity
