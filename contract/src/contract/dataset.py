"""The specification of a dataset's retraining: one value, written in its DAG file."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

from contract.data_contract import DataContract
from contract.features import Scalar
from contract.partitions import Partitioning
from contract.validation import ContractError

Direction = Literal["higher", "lower"]
Scale = Literal["linear", "log"]


@dataclass(frozen=True, kw_only=True)
class Search:
    """The search space of one hyperparameter.

    Attributes:
        values: the values to choose from; empty for a range.
        minimum: the least value of a range.
        maximum: the greatest value of a range; with a whole minimum and maximum, values are whole numbers.
        scale: `linear` or `log`, the distribution of values over a range.

    Raises:
        ContractError: a field has a value that it can't have.
    """

    values: tuple[Scalar, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    scale: Scale = "linear"

    def __post_init__(self) -> None:
        if bool(self.values) == (self.minimum is not None or self.maximum is not None):
            raise ContractError("search", expected="either values or a range", received=self)
        if self.scale not in get_args(Scale):
            raise ContractError("search.scale", expected=f"one of {get_args(Scale)}", received=self.scale)
        if self.values:
            return
        if self.minimum is None or self.maximum is None or not self.minimum < self.maximum:
            raise ContractError("search", expected="a minimum below the maximum", received=self)
        if self.scale == "log" and self.minimum <= 0:
            raise ContractError("search.minimum", expected="above 0 for a log scale", received=self.minimum)


@dataclass(frozen=True, kw_only=True)
class TuningSpec:
    """Hyperparameter tuning: a search for training arguments by the gate's metric on the validation split.

    Attributes:
        parameters: search space by argument.
        max_trials: number of training jobs in all.
        parallel_trials: number of training jobs at a time.

    Raises:
        ContractError: a field has a value that it can't have.
    """

    parameters: Mapping[str, Search]
    max_trials: int = 4
    parallel_trials: int = 2

    def __post_init__(self) -> None:
        if not self.parameters:
            raise ContractError("tuning.parameters", expected="at least one argument", received={})
        if not 1 <= self.parallel_trials <= self.max_trials:
            raise ContractError(
                "tuning.parallel_trials", expected=f"1 to {self.max_trials}", received=self.parallel_trials
            )
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """The training job of a dataset's model.

    Attributes:
        module: the Python module that the training job runs.
        arguments: its flags without the dashes; every one can be changed for a single run.
        tier: a scale tier, `BASIC` for instance.
        timeout_seconds: a job that takes longer is cancelled by the service.
        image: an image whose entry point runs in place of the module in the trainer's image: a URI, or a bare
            name for one that lies beside the trainer's.
        tuning: hyperparameter tuning of runs that ask for it; None if there is no such search.

    Raises:
        ContractError: a field has a value that it can't have.
    """

    module: str = "trainer.task"
    arguments: Mapping[str, Scalar] = field(default_factory=dict)
    tier: str = "BASIC"
    timeout_seconds: int = 24 * 3600
    image: str | None = None
    tuning: TuningSpec | None = None

    def __post_init__(self) -> None:
        if self.timeout_seconds <= 0:
            raise ContractError(
                "training.timeout_seconds", expected="more than 0", received=self.timeout_seconds
            )
        for flag, value in self.arguments.items():
            if flag.startswith("-"):
                raise ContractError("training.arguments", expected="flags without dashes", received=flag)
            if not isinstance(value, str | int | float):
                raise ContractError(
                    f"training.arguments[{flag}]", expected="text or a number", received=value
                )
        if self.tuning is not None:
            unknown = sorted(set(self.tuning.parameters) - set(self.arguments))
            if unknown:
                raise ContractError(
                    "training.tuning.parameters",
                    expected=f"names among {sorted(self.arguments)}",
                    received=unknown,
                )
        object.__setattr__(self, "arguments", MappingProxyType(dict(self.arguments)))


@dataclass(frozen=True, kw_only=True)
class GateSpec:
    """Conditions for the promotion of a model.

    Attributes:
        metric: the name of a metric in `evaluation.json`.
        direction: whether `higher` or `lower` values are better.
        threshold: the worst value that may be promoted.
        baseline_margin: least improvement on the constant baseline, in the metric's unit.
        production_margin: largest loss against the version in production, in the metric's unit.
        max_model_bytes: the largest export that may be served.

    Raises:
        ContractError: a field has a value that it can't have.
    """

    metric: str
    direction: Direction
    threshold: float
    baseline_margin: float = 0.0
    production_margin: float = 0.0
    max_model_bytes: int = 2_000_000_000

    def __post_init__(self) -> None:
        if self.direction not in get_args(Direction):
            raise ContractError(
                "gate.direction", expected=f"one of {get_args(Direction)}", received=self.direction
            )
        for name in ("threshold", "baseline_margin", "production_margin"):
            if not math.isfinite(getattr(self, name)):
                raise ContractError(f"gate.{name}", expected="a finite number", received=getattr(self, name))
        if self.max_model_bytes <= 0:
            raise ContractError("gate.max_model_bytes", expected="more than 0", received=self.max_model_bytes)


@dataclass(frozen=True)
class NewData:
    """An event-driven schedule: an event of an Airflow asset starts a run.

    Attributes:
        asset: the name of the asset. It is only a name: no storage is watched.

    Raises:
        ContractError: the name is not of letters, digits, dots, dashes and underscores.
    """

    asset: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.asset):
            raise ContractError(
                "schedule.asset", expected="letters, digits, dots, dashes or underscores", received=self.asset
            )


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """The specification of a dataset's retraining.

    Attributes:
        contract: what its records hold and how they are made.
        source: location of the raw data: a folder, a `gs://` URI, or a path below the source root.
        training: the training job.
        gate: conditions for the promotion of the model.
        schedule: a cron expression (UTC), `NewData` for runs that an asset's events start, or None for manual
            runs.
        partition: the names of raw files that each hold a day, a month or a year, with the directives of
            `strptime`: `trips_%Y-%m.csv`. A run sees no partition that ends after its data interval. `None`
            for data that isn't partitioned by time.
        window: training window, an ISO 8601 duration of whole years, months or days before the end of the
            run's data, `P12M` for instance; None for all data. Only with partitions.
        approval: whether a run waits for a person's approval before its version goes into production, unless
            its parameters say otherwise; None for a DAG without that step.
        max_active_runs: largest number of conversions, and of training jobs, at a time, backfills included.
        deadline_minutes: a run that takes longer than this is late, and whoever is to be told of failures is
            told so; `None` for no such limit.
        description: one paragraph, shown in Airflow.

    Raises:
        ContractError: a field has a value that it can't have.
    """

    contract: DataContract
    source: str
    training: TrainingSpec
    gate: GateSpec
    schedule: str | NewData | None = None
    partition: str | None = None
    window: str | None = None
    approval: bool | None = None
    max_active_runs: int = 4
    deadline_minutes: float | None = None
    description: str = ""

    def __post_init__(self) -> None:
        if not self.source:
            raise ContractError("source", expected="a folder or a gs:// URI", received=self.source)
        if self.max_active_runs < 1:
            raise ContractError("max_active_runs", expected="1 or more", received=self.max_active_runs)
        if self.deadline_minutes is not None and not 0 < self.deadline_minutes < math.inf:
            raise ContractError("deadline_minutes", expected="more than 0", received=self.deadline_minutes)
        if self.window is not None and self.partition is None:
            raise ContractError("window", expected="nothing without a partition", received=self.window)
        _ = self.partitioning  # checks both fields

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self.contract.name

    @property
    def partitioning(self) -> Partitioning | None:
        """Partitioning of the raw files by time; None for data that isn't partitioned."""
        return None if self.partition is None else Partitioning(pattern=self.partition, window=self.window)
