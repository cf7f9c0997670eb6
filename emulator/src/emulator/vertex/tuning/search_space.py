"""The values that a study's parameters can have, in the form that Optuna samples.

https://cloud.google.com/vertex-ai/docs/training/using-hyperparameter-tuning#hyperparameters
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from emulator.vertex.tuning.points import Point, Value
from emulator.vertex.tuning.study_spec import value_spec
from emulator.vertex.wire.messages import types

_SCALE = types.StudySpec.ParameterSpec.ScaleType
_LOG_SCALES = (_SCALE.UNIT_LOG_SCALE, _SCALE.UNIT_REVERSE_LOG_SCALE)


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One parameter.

    Attributes:
        parameter_id: its name.
        distribution: what Optuna samples: the value itself, its place among `choices`, or, where `mirrored`,
            its mirror image between the lowest and the highest value.
        choices: the values of a discrete or categorical parameter, or all of an integer's; `None` for a
            double's.
        by_place: whether the distribution is over places among the choices.
        mirrored: whether the scale is a reverse logarithm.
    """

    parameter_id: str
    distribution: BaseDistribution
    choices: Sequence[Value] | None
    by_place: bool = False
    mirrored: bool = False

    def value(self, sampled: Any) -> Value:
        """The parameter's value for what was sampled."""
        if self.by_place and self.choices is not None:
            return self.choices[sampled]
        return self._mirror(sampled) if self.mirrored else sampled

    def sampled(self, value: Value) -> Any:
        """What would have to be sampled for a value."""
        if self.by_place and self.choices is not None:
            return self.choices.index(value)
        return self._mirror(value) if self.mirrored else value

    def _mirror(self, value: Any) -> Any:
        low, high = self.distribution.low, self.distribution.high  # type: ignore[attr-defined]
        # The sum may be off by a rounding.
        return min(max(low + high - value, low), high)


class SearchSpace:
    """All points that a study can try."""

    def __init__(self, parameters: Sequence[Any]) -> None:
        """The space of checked ParameterSpecs."""
        self.dimensions = [_dimension(parameter) for parameter in parameters]

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """What Optuna samples, by parameter."""
        return {dimension.parameter_id: dimension.distribution for dimension in self.dimensions}

    @property
    def size(self) -> int | None:
        """How many points there are; `None` if a parameter is a double."""
        sizes = [None if d.choices is None else len(d.choices) for d in self.dimensions]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    def point(self, sampled: Mapping[str, Any]) -> Point:
        """The point that was sampled."""
        return tuple(dimension.value(sampled[dimension.parameter_id]) for dimension in self.dimensions)

    def sampled(self, point: Point) -> dict[str, Any]:
        """What would have to be sampled for a point."""
        pairs = zip(self.dimensions, point, strict=True)
        return {dimension.parameter_id: dimension.sampled(value) for dimension, value in pairs}

    def grid_point(self, index: int) -> Point:
        """A point of a space without doubles, by its place from 0; the last parameter varies fastest."""
        point: list[Value] = []
        for dimension in reversed(self.dimensions):
            choices = dimension.choices or ()
            index, place = divmod(index, len(choices))
            point.append(choices[place])
        return tuple(reversed(point))


def _dimension(parameter: Any) -> Dimension:
    name = value_spec(parameter)
    spec = getattr(parameter, name)
    log = parameter.scale_type in _LOG_SCALES
    mirrored = parameter.scale_type == _SCALE.UNIT_REVERSE_LOG_SCALE
    identifier = parameter.parameter_id
    if name == "double_value_spec":
        return Dimension(
            parameter_id=identifier,
            distribution=FloatDistribution(spec.min_value, spec.max_value, log=log),
            choices=None,
            mirrored=mirrored,
        )
    if name == "integer_value_spec":
        return Dimension(
            parameter_id=identifier,
            distribution=IntDistribution(spec.min_value, spec.max_value, log=log),
            choices=range(spec.min_value, spec.max_value + 1),
            mirrored=mirrored,
        )
    if name == "categorical_value_spec":
        values = tuple(spec.values)
        return Dimension(
            parameter_id=identifier, distribution=CategoricalDistribution(values), choices=values
        )
    # Places rather than categories: neighbours are alike.
    numbers = tuple(spec.values)
    return Dimension(
        parameter_id=identifier,
        distribution=IntDistribution(0, len(numbers) - 1),
        choices=numbers,
        by_place=True,
    )
