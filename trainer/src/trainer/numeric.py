"""Encoders of numeric features: standardization, piecewise linear bins, coordinate pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract import FeatureSpec, NumberStatistics

_RANGES = 10
"""In a cross, a number counts by which tenth of the values it is in."""
VALUE_BUCKETS = 1_000
"""Indices of exact values; values share them by chance."""


@dataclass(frozen=True, kw_only=True)
class PiecewiseLinear:
    """A number as how far it got through each piece between edges: all 1 below it, all 0 above it.

    A linear layer on top is a piecewise linear function of the number, with a slope for each piece (piecewise
    linear encoding: Gorishniy et al., 2022, https://arxiv.org/abs/2203.05556).

    Attributes:
        edges: ascending, two or more.
    """

    edges: tuple[float, ...]

    @property
    def width(self) -> int:
        """How many numbers stand for one."""
        return len(self.edges) - 1

    def __call__(self, values: tf.Tensor) -> tf.Tensor:
        """Encode float32 (batch,) as float32 (batch, width), 0 to 1."""
        edges = np.asarray(self.edges, np.float32)
        return tf.clip_by_value((values[:, None] - edges[:-1]) / np.diff(edges), 0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class NumberColumn:
    """A numeric feature, encoded with what the statistics say of it.

    Attributes:
        name: of the feature.
        default: what stands for a value that is no number.
        mean: of the values.
        std: their standard deviation.
        minimum: smaller values are taken for it: nothing was learnt of them.
        maximum: greater values are taken for it.
        pieces: the encoding between quantiles; `None` for a straight line.
        bucket_edges: between the ranges that count in a cross.
    """

    name: str
    default: float
    mean: float
    std: float
    minimum: float
    maximum: float
    pieces: PiecewiseLinear | None
    bucket_edges: tuple[float, ...]

    @classmethod
    def of(cls, feature: FeatureSpec, statistics: NumberStatistics, *, pieces: int) -> NumberColumn:
        """The column of a feature.

        Args:
            feature: a number.
            statistics: of its values in training.
            pieces: how many at most.
        """
        default = statistics.mean if feature.default is None else float(feature.default)
        quantiles = np.asarray(statistics.quantiles, np.float32)
        edges = _distinct(quantiles, pieces + 1) if pieces else ()
        return cls(
            name=feature.name,
            default=default,
            mean=statistics.mean,
            std=statistics.std or 1.0,
            minimum=statistics.minimum,
            maximum=statistics.maximum,
            pieces=PiecewiseLinear(edges=edges) if len(edges) > 1 else None,
            bucket_edges=_distinct(quantiles, _RANGES + 1)[1:-1],
        )

    @property
    def ranges(self) -> int:
        """How many ranges there are."""
        return len(self.bucket_edges) + 1

    def clean(self, values: tf.Tensor) -> tf.Tensor:
        """The values as float32 within what was seen in training, (batch,)."""
        values = tf.cast(values, tf.float32)
        values = tf.where(tf.math.is_nan(values), tf.constant(self.default, tf.float32), values)
        return tf.clip_by_value(values, self.minimum, self.maximum)

    def encode(self, values: tf.Tensor) -> tf.Tensor:
        """Clean values, float32 (batch,), as float32 (batch, width)."""
        standardized = ((values - self.mean) / self.std)[:, None]
        return standardized if self.pieces is None else tf.concat([standardized, self.pieces(values)], axis=1)

    def bucket_index(self, values: tf.Tensor) -> tf.Tensor:
        """In which range clean values are, int32 (batch,)."""
        if not self.bucket_edges:
            return tf.zeros_like(values, tf.int32)
        return tf.searchsorted(tf.constant(self.bucket_edges, tf.float32), values, side="right")


def value_bucket(values: tf.Tensor) -> tf.Tensor:
    """An index for each different value to six decimals, below `VALUE_BUCKETS`; int32 (batch,)."""
    # Adding 0 turns -0 into 0, which is written otherwise.
    return tf.cast(tf.strings.to_hash_bucket_fast(tf.strings.as_string(values + 0.0), VALUE_BUCKETS), tf.int32)


def _distinct(quantiles: NDArray[np.float32], count: int) -> tuple[float, ...]:
    """At most so many of the quantiles, evenly chosen among those that differ, with the first and the last.

    Where most values are the same, evenly chosen ranks would be the same as well, and the rest would be
    in one piece.
    """
    distinct = np.unique(quantiles)
    if len(distinct) > count:
        distinct = distinct[np.linspace(0, len(distinct) - 1, count).round().astype(int)]
    return tuple(float(edge) for edge in distinct)


_KM_PER_DEGREE = 111.195
_EARTH_KM = 6371.0
_ANGLES = tuple(math.radians(degrees) for degrees in (0, 15, 30, 45, 60, 75))
_MARGIN = 0.5


@dataclass(frozen=True, kw_only=True)
class GeoPairColumns:
    """A way from one point to another, in kilometres east and north of the middle of all points.

    What is far outside the region (zeros, longitude and latitude exchanged) is taken for its border.

    Attributes:
        names: longitude and latitude of the start, longitude and latitude of the end.
        west: border of the region, degrees of longitude.
        east: border of the region, degrees of longitude.
        south: border of the region, degrees of latitude.
        north: border of the region, degrees of latitude.
        pieces: of the piecewise linear functions of each distance and place.
    """

    names: tuple[str, str, str, str]
    west: float
    east: float
    south: float
    north: float
    pieces: int

    @classmethod
    def of(
        cls, names: tuple[str, ...], statistics: Mapping[str, NumberStatistics], *, pieces: int
    ) -> GeoPairColumns:
        """The columns of four features.

        Args:
            names: longitude, latitude, longitude, latitude.
            statistics: of the numeric features.
            pieces: of a distance or a place.
        """
        lon_from, lat_from, lon_to, lat_to = names
        west, east = _borders(statistics[lon_from], statistics[lon_to])
        south, north = _borders(statistics[lat_from], statistics[lat_to])
        return cls(
            names=(lon_from, lat_from, lon_to, lat_to),
            west=max(west, -180.0),
            east=min(east, 180.0),
            south=max(south, -90.0),
            north=min(north, 90.0),
            pieces=max(pieces, 1),
        )

    def encode(self, columns: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """What a network takes of two points.

        Args:
            columns: float32 (batch,) by name, degrees, no NaN.

        Returns:
            float32 (batch, width), finite: great-circle distance, its logarithm, differences, direction,
            distances along street grids of several directions, and both places along these directions.
        """
        lon_from, lat_from, lon_to, lat_to = (columns[name] for name in self.names)
        outside = [
            (lon < self.west) | (lon > self.east) | (lat < self.south) | (lat > self.north)
            for lon, lat in ((lon_from, lat_from), (lon_to, lat_to))
        ]
        lon_from, lon_to = (tf.clip_by_value(lon, self.west, self.east) for lon in (lon_from, lon_to))
        lat_from, lat_to = (tf.clip_by_value(lat, self.south, self.north) for lat in (lat_from, lat_to))
        x_from, y_from = self._plane(lon_from, lat_from)
        x_to, y_to = self._plane(lon_to, lat_to)
        dx, dy = x_to - x_from, y_to - y_from
        distance = great_circle_km(lon_from, lat_from, lon_to, lat_to)
        length = tf.maximum(tf.sqrt(dx * dx + dy * dy), 1e-3)
        scale = self._extent_km / 4.0
        plain = [tf.math.log1p(distance), distance / scale, dx / scale, dy / scale, dx / length, dy / length]
        plain += [tf.cast(flag, tf.float32) for flag in outside]
        coded = [self._distance_pieces(distance)]
        for angle in _ANGLES:
            along, across = _turned(dx, dy, angle)
            streets = tf.abs(along) + tf.abs(across)
            plain.append(tf.math.log1p(streets))
            coded.append(self._distance_pieces(streets))
        for x, y in ((x_from, y_from), (x_to, y_to)):
            for angle in _ANGLES[::3]:
                coded += [self._place_pieces(place) for place in _turned(x, y, angle)]
        return tf.concat([tf.stack(plain, axis=1), *coded], axis=1)

    def _plane(self, lon: tf.Tensor, lat: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        middle_lon, middle_lat = (self.west + self.east) / 2, (self.south + self.north) / 2
        shrink = math.cos(math.radians(middle_lat))
        return (lon - middle_lon) * (_KM_PER_DEGREE * shrink), (lat - middle_lat) * _KM_PER_DEGREE

    @property
    def _extent_km(self) -> float:
        shrink = math.cos(math.radians((self.south + self.north) / 2))
        return _KM_PER_DEGREE * math.hypot((self.east - self.west) * shrink, self.north - self.south)

    def _distance_pieces(self, km: tf.Tensor) -> tf.Tensor:
        # Short ways are common and differ much: the edges grow as squares.
        edges = self._extent_km * np.linspace(0.0, 1.0, self.pieces + 1) ** 2
        return PiecewiseLinear(edges=tuple(edges.tolist()))(km)

    def _place_pieces(self, km: tf.Tensor) -> tf.Tensor:
        edges = np.linspace(-0.5, 0.5, self.pieces + 1) * self._extent_km
        return PiecewiseLinear(edges=tuple(edges.tolist()))(km)


def great_circle_km(
    lon_from: tf.Tensor, lat_from: tf.Tensor, lon_to: tf.Tensor, lat_to: tf.Tensor
) -> tf.Tensor:
    """The length of the shortest way over the globe in km, by the haversine formula.

    Args:
        lon_from: degrees, float32.
        lat_from: degrees, float32.
        lon_to: degrees, float32.
        lat_to: degrees, float32.
    """
    degree = math.pi / 180.0
    rise = tf.sin((lat_to - lat_from) * (degree / 2.0)) ** 2
    turn = tf.sin((lon_to - lon_from) * (degree / 2.0)) ** 2
    haversine = rise + tf.cos(lat_from * degree) * tf.cos(lat_to * degree) * turn
    return 2.0 * _EARTH_KM * tf.asin(tf.sqrt(tf.clip_by_value(haversine, 0.0, 1.0)))


def _turned(x: tf.Tensor, y: tf.Tensor, angle: float) -> tuple[tf.Tensor, tf.Tensor]:
    return x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)


def _borders(*statistics: NumberStatistics) -> tuple[float, float]:
    """The 1st and the 99th percentile with a margin; a hundredth of garbage doesn't move them."""
    low = min(item.quantiles[1] for item in statistics)
    high = max(item.quantiles[-2] for item in statistics)
    margin = max((high - low) * _MARGIN, 1e-3)
    return low - margin, high + margin
