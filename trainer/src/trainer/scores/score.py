"""Answers of a model, how good they are, and what a constant answer would be worth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.records import Split


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a model says of some records, through the signature of its export.

    Attributes:
        outputs: by name, each with the records as its first dimension.
        targets: the labels of the same records: int64 (records,), from 0, or float32 (records,).
        known_labels: the classes in the order of the model's probabilities; `None` where it doesn't say.
        source: who answered, for errors.
    """

    outputs: Mapping[str, NDArray[Any]]
    targets: NDArray[Any]
    known_labels: Sequence[str] | None = None
    source: str = "the model"

    @property
    def finite(self) -> bool:
        """Whether every number is one."""
        return all(bool(np.isfinite(v).all()) for v in self.outputs.values() if v.dtype.kind == "f")


@dataclass(frozen=True, kw_only=True)
class Score:
    """How good answers are.

    Attributes:
        metrics: figures by name, all finite.
        details: what a report draws, as plain JSON values by name.
        finite: whether every number of the answers was one.
    """

    metrics: Mapping[str, float]
    details: Mapping[str, Any]
    finite: bool

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:.4f}" for name, value in self.metrics.items())


class Scorer(ABC):
    """Scores answers about one dataset.

    Attributes:
        baseline_kind: names the constant answer.
    """

    baseline_kind: str

    @abstractmethod
    def score(self, answers: Answers) -> Score:
        """Compare answers with the records' labels.

        Raises:
            InputError: the answers are not of this kind, or of other classes.
        """

    @abstractmethod
    def baseline(self, split: Split, targets: NDArray[Any]) -> Score:
        """Score the constant answer that suits the training side best.

        Args:
            split: the records that are judged.
            targets: their labels.
        """
