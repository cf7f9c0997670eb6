"""What a prediction says, in words, and whether it is right; told by what it holds, whatever the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_PROBABILITIES = "probabilities"
_ERROR = "error"
_QUANTITY = "predictions"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One prediction.

    Attributes:
        words: the predicted class, the predicted quantity, or how well a picture was made again.
        truth: the same of the label; empty where a label says nothing about the prediction.
        probability: of the predicted class; `None` where there are no classes.
        right: whether the class is the label's; `None` where there are no classes.
    """

    words: str
    truth: str = ""
    probability: float | None = None
    right: bool | None = None

    @classmethod
    def of(cls, prediction: Any, label: Any, labels: Sequence[str]) -> Answer:
        """What a prediction says of a record with this label.

        Args:
            prediction: JSON value of an endpoint or of an export: outputs by name, or the only output itself.
            label: JSON value of the record's golden line.
            labels: the names of the classes, in order.
        """
        outputs = prediction if isinstance(prediction, dict) else {_QUANTITY: prediction}
        if _PROBABILITIES in outputs:
            probabilities = [float(value) for value in outputs[_PROBABILITIES]]
            index = max(range(len(probabilities)), key=probabilities.__getitem__)
            # JSON numbers of a protobuf Value are all floating-point.
            truth = int(label)
            return cls(
                words=labels[index],
                truth=labels[truth],
                probability=probabilities[index],
                right=index == truth,
            )
        if _ERROR in outputs:
            return cls(words=f"the picture made again, with an error of {_number(outputs[_ERROR]):.4f}")
        if _QUANTITY in outputs:
            return cls(words=f"{_number(outputs[_QUANTITY]):.2f}", truth=f"{float(label):.2f}")
        return cls(words=", ".join(f"{name} {value}" for name, value in outputs.items()), truth=str(label))

    @property
    def verdict(self) -> str:
        """How the answer compares with the truth; empty where it doesn't."""
        if self.right is None:
            return f"it is {self.truth}" if self.truth else ""
        return "right" if self.right else f"wrong, it is {self.truth}"

    def __str__(self) -> str:
        return self.words if self.probability is None else f"{self.words} ({self.probability:.0%})"


def _number(value: Any) -> float:
    while isinstance(value, list):
        (value,) = value
    return float(value)
