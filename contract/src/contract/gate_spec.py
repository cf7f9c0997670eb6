"""The gate of a dataset: the conditions under which a model is promoted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from contract.validation import ContractError

Direction = Literal["higher", "lower"]
NotComparable = Literal["decline", "promote", "ask"]


@dataclass(frozen=True, kw_only=True)
class GateSpec:
    """Conditions for the promotion of a model.

    A model is promoted if it is not worse than the one in production beyond noise: it is declined where the
    one-sided bound of a paired bootstrap says, at the stated confidence, that it lost more than the margin.

    Attributes:
        metric: the name of a metric in `evaluation.json`.
        direction: whether `higher` or `lower` values are better.
        threshold: the worst value that may be promoted.
        baseline_margin: least improvement on the constant baseline beyond noise, in the metric's unit.
        production_margin: tolerated loss against the version in production, in the metric's unit.
        confidence: of each one-sided bound, 0.5 to 1.
        min_examples: least number of validation records by which a model can be promoted.
        max_noticeable_loss: largest loss against production, in the metric's unit, that the validation
            records may be too few to notice (with a probability of 90 %); None for no such condition.
        slices: features of whose values none may be worse than in production beyond noise; inputs or the
            label. The confidence is divided among all slices (Bonferroni).
        slice_margin: tolerated loss of a slice, in the metric's unit.
        min_slice_examples: least number of records by which a slice is judged; smaller ones are reported.
        operating_point: least probability of the second of two classes with which precision, recall and F1
            count it as predicted.
        max_model_bytes: the largest export that may be served.
        not_comparable: what follows if the model can't be compared with the version in production, since the
            columns have changed or its files are gone: `decline` the model, `promote` it if it passes all
            else, or `ask` a person.

    Raises:
        ContractError: a field has a value that it can't have.
    """

    metric: str
    direction: Direction
    threshold: float
    baseline_margin: float = 0.0
    production_margin: float = 0.0
    confidence: float = 0.95
    min_examples: int = 30
    max_noticeable_loss: float | None = None
    slices: tuple[str, ...] = ()
    slice_margin: float = 0.0
    min_slice_examples: int = 30
    operating_point: float | None = None
    max_model_bytes: int = 2_000_000_000
    not_comparable: NotComparable = "decline"

    def __post_init__(self) -> None:
        for name, choices in (("direction", Direction), ("not_comparable", NotComparable)):
            if getattr(self, name) not in get_args(choices):
                raise ContractError(
                    f"gate.{name}", expected=f"one of {get_args(choices)}", received=getattr(self, name)
                )
        for name in ("threshold", "baseline_margin", "production_margin", "slice_margin"):
            if not math.isfinite(getattr(self, name)):
                raise ContractError(f"gate.{name}", expected="a finite number", received=getattr(self, name))
        for name in ("production_margin", "slice_margin"):
            if getattr(self, name) < 0:
                raise ContractError(f"gate.{name}", expected="0 or more", received=getattr(self, name))
        for name in ("min_examples", "min_slice_examples", "max_model_bytes"):
            if getattr(self, name) <= 0:
                raise ContractError(f"gate.{name}", expected="more than 0", received=getattr(self, name))
        if not 0.5 <= self.confidence < 1:
            raise ContractError("gate.confidence", expected="0.5 to below 1", received=self.confidence)
        loss = self.max_noticeable_loss
        if loss is not None and not 0 < loss < math.inf:
            raise ContractError("gate.max_noticeable_loss", expected="more than 0", received=loss)
        point = self.operating_point
        if point is not None and not 0 < point < 1:
            raise ContractError("gate.operating_point", expected="between 0 and 1", received=point)
        if isinstance(self.slices, str) or len(set(self.slices)) != len(self.slices):
            raise ContractError("gate.slices", expected="distinct names of features", received=self.slices)

    @property
    def evaluation_flags(self) -> dict[str, str | float]:
        """Flags of the training program that say what it evaluates for the gate."""
        flags: dict[str, str | float] = {}
        if self.slices:
            flags["slices"] = ",".join(self.slices)
        if self.operating_point is not None:
            flags["operating_point"] = self.operating_point
        return flags
