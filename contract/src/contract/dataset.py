"""A dataset's whole retraining, as one value: what a DAG file says of it."""

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
    """Which values of an argument a tuning tries.

    Attributes:
        values: the ones to choose from; empty for a range.
        minimum: the least value of a range.
        maximum: the greatest value of a range; with a whole minimum and maximum, values are whole numbers.
        scale: how values are spread over a range.

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
    """How arguments of a training are searched for, by the gate's metric on the validation side.

    Attributes:
        parameters: what is tried, by argument.
        max_trials: how many trainings in all.
        parallel_trials: how many at a time.

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
    """How a dataset's model is trained.

    Attributes:
        module: the Python module that the training job runs.
        arguments: its flags without the dashes; every one can be changed for a single run.
        tier: a scale tier, `BASIC` for instance.
        timeout_seconds: a job that takes longer is cancelled by the service.
        image: an image whose entry point runs in place of the module in the trainer's image: a URI, or a bare
            name for one that lies beside the trainer's.
        tuning: how a run that asks for it searches for better arguments; `None` if there is no such search.

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
    """What a model must reach to be promoted.

    Attributes:
        metric: the name of a metric in `evaluation.json`.
        direction: whether `higher` or `lower` values are better.
        threshold: the worst value that may be promoted.
        baseline_margin: how much better than the trivial baseline it must be, in the metric's unit.
        production_margin: how much worse than the version in production it may be, in the metric's unit.
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
    """A schedule that is no clock: a run begins when somebody says that there is new data.

    Attributes:
        asset: the name of the Airflow asset whose events say so. It is only a name: no place is watched.

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
    """All that the chain needs to know about a dataset.

    Attributes:
        contract: what its records hold and how they are made.
        source: where raw data comes from: a folder, a `gs://` URI, or a path below the source root.
        training: how its model is trained.
        gate: what the model must reach.
        schedule: a cron expression, `NewData` for runs that an asset's events begin, or `None` for runs by
            hand.
        partition: the names of raw files that each hold a day, a month or a year, with the directives of
            `strptime`: `trips_%Y-%m.csv`. A run sees no partition that ends after its data interval. `None`
            for data that isn't partitioned by time.
        window: how much of the past a run trains on, as an ISO 8601 duration of whole years, months or days,
            `P12M` for instance; `None` for all of it. Only with partitions.
        approval: whether a run waits for a person's word before its version goes into production, unless it
            is told otherwise; `None` for a chain that has no such step.
        max_active_runs: how many conversions and how many trainings of this dataset go on at a time, those
            of backfills included.
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
        """The dataset's name."""
        return self.contract.name

    @property
    def partitioning(self) -> Partitioning | None:
        """How the raw files are divided by time, if they are."""
        return None if self.partition is None else Partitioning(pattern=self.partition, window=self.window)
