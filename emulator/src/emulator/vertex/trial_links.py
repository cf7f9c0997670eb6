"""Which custom job carries out which trial of which HyperparameterTuningJob."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from emulator.state import State

_KIND = "vertex.trials"

_METRIC_FOLDER = "hypertune"
METRIC_FILE = "output.metrics"
"""`cloudml-hypertune` writes /tmp/hypertune/output.metrics, or where `CLOUD_ML_HP_METRIC_FILE` says."""


@dataclass(frozen=True, kw_only=True)
class TrialLink:
    """One trial and its job.

    Attributes:
        custom_job: the CustomJob's resource name.
        tuning_job: the HyperparameterTuningJob's.
        trial_id: the trial's number in it, from "1".
    """

    custom_job: str
    tuning_job: str
    trial_id: str


class TrialLinks:
    """The links of all trials."""

    def __init__(self, state: State) -> None:
        self._state = state

    def put(self, link: TrialLink) -> None:
        """Write a link down."""
        self._state.put(_KIND, link.custom_job, asdict(link))

    def get(self, custom_job: str) -> TrialLink | None:
        """The trial that a CustomJob carries out; `None` for a job of its own."""
        document = self._state.get(_KIND, custom_job)
        return None if document is None else TrialLink(**document)

    def delete(self, custom_job: str) -> None:
        """Remove the link of a CustomJob, if it has one."""
        self._state.delete(_KIND, custom_job)


def metric_folder(replica_directory: Path) -> Path:
    """Where a replica leaves the metrics of its trial."""
    return replica_directory / _METRIC_FOLDER
