"""Encoders of numeric features: standardization, piecewise linear bins, coordinate pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract import FeatureSpec, NumberStatistics

_CROSS_BINS = 10
"""In a feature cross, numbers count by their decile."""
VALUE_BUCKETS = 1_000
"""Hash buckets of the values of a categorical number."""
_KM_PER_DEGREE = 111.195
_EARTH_KM = 6371.0
_ANGLES = tuple(math.radians(degrees) for degrees in (0, 15, 30, 45, 60, 75))
_MARGIN = 0.5


@dataclass(frozen=True, kw_only=True)
class PiecewiseLinear:
    """Piecewise linear encoding (Gorishniy et al., 2022, https://arxiv.org/abs/2203.05556).

    Each bin below the number is 1, each bin above it 0, and its own bin the fraction that the number is at. A
    linear layer on top is a piecewise linear function of the number, with a slope for each bin.

    Attributes:
        edges: of the bins, ascending, two or more.
    """

    edges: tuple[float, ...]

    @property
    def width(self) -> int:
        """Number of bins."""
        return len(self.edges) - 1

    def __call__(self, values: tf.Tensor) -> tf.Tensor:
        """Encode float32 (batch,) as float32 (batch, width), 0 to 1."""
        edges = np.asarray(self.edges, np.float32)
        return tf.clip_by_value((values[:, None] - edges[:-1]) / np.diff(edges), 0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class NumberColumn:
    """Encoder of a numeric feature.

    Attributes:
        name: of the feature.
        default: stands for NaN.
        mean: of the training values.
        std: their standard deviation.
        minimum: smaller values are clipped to it.
        maximum: greater values are clipped to it.
        bins: encoding between quantiles; `None` for standardization alone.
        cross_edges: inner edges of the bins in a feature cross.
    """

    name: str
    default: float
    mean: float
    std: float
    minimum: float
    maximum: float
    bins: PiecewiseLinear | None
    cross_edges: tuple[float, ...]

    @classmethod
    def of(cls, feature: FeatureSpec, statistics: NumberStatistics, *, num_bins: int) -> NumberColumn:
        """Return the encoder of a feature.

        Args:
            feature: a number.
            statistics: of its training values.
            num_bins: most bins; 0 for none.
        """
        default = statistics.mean if feature.default is None else float(feature.default)
        quantiles = np.asarray(statistics.quantiles, np.float32)
        edges = _distinct(quantiles, num_bins + 1) if num_bins else ()
        return cls(
            name=feature.name,
            default=default,
            mean=statistics.mean,
            std=statistics.std or 1.0,
            minimum=statistics.minimum,
            maximum=statistics.maximum,
            bins=PiecewiseLinear(edges=edges) if len(edges) > 1 else None,
            cross_edges=_distinct(quantiles, _CROSS_BINS + 1)[1:-1],
        )

    @property
    def num_cross_bins(self) -> int:
        """Number of bins in a feature cross."""
        return len(self.cross_edges) + 1

    def clean(self, values: tf.Tensor) -> tf.Tensor:
        """Return values as float32 (batch,), clipped to the range of the training values."""
        values = tf.cast(values, tf.float32)
        values = tf.where(tf.math.is_nan(values), tf.constant(self.default, tf.float32), values)
        return tf.clip_by_value(values, self.minimum, self.maximum)

    def encode(self, values: tf.Tensor) -> tf.Tensor:
        """Encode clean values, float32 (batch,), as float32 (batch, width)."""
        standardized = ((values - self.mean) / self.std)[:, None]
        return standardized if self.bins is None else tf.concat([standardized, self.bins(values)], axis=1)

    def cross_bin(self, values: tf.Tensor) -> tf.Tensor:
        """Return the bin in a feature cross of clean values, int32 (batch,)."""
        if not self.cross_edges:
            return tf.zeros_like(values, tf.int32)
        return tf.searchsorted(tf.constant(self.cross_edges, tf.float32), values, side="right")


def value_bucket(values: tf.Tensor) -> tf.Tensor:
    """Hash values, to six decimals, to a bucket below `VALUE_BUCKETS`; int32 (batch,)."""
    # Adding 0 turns -0 into 0, whose text is another.
    return tf.cast(
        tf.strings.to_hash_bucket_fast(tf.strings.as_string(values + 0.0), VALUE_BUCKETS), tf.int32
    )


def _distinct(quantiles: NDArray[np.float32], count: int) -> tuple[float, ...]:
    """Return at most `count` distinct quantiles, evenly spaced, with the first and the last.

    Where most values are the same, evenly spaced ranks would be the same as well, and all the rest would be
    in one bin.
    """
    distinct = np.unique(quantiles)
    if len(distinct) > count:
        distinct = distinct[np.linspace(0, len(distinct) - 1, count).round().astype(int)]
    return tuple(float(edge) for edge in distinct)


@dataclass(frozen=True, kw_only=True)
class GeoPairColumns:
    """Encoder of the way from one point to another, on a plane around the center of the region.

    Coordinates far outside the region (zeros, longitude and latitude exchanged) are clipped to its border.

    Attributes:
        names: longitude and latitude of the start, longitude and latitude of the end.
        west: border of the region, degrees of longitude.
        east: border of the region, degrees of longitude.
        south: border of the region, degrees of latitude.
        north: border of the region, degrees of latitude.
        num_bins: of each distance and position.
    """

    names: tuple[str, str, str, str]
    west: float
    east: float
    south: float
    north: float
    num_bins: int

    @classmethod
    def of(
        cls, names: tuple[str, ...], statistics: Mapping[str, NumberStatistics], *, num_bins: int
    ) -> GeoPairColumns:
        """Return the encoder of four features.

        Args:
            names: longitude, latitude, longitude, latitude.
            statistics: of the numeric features.
            num_bins: of each distance and position.
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
            num_bins=max(num_bins, 1),
        )

    def encode(self, columns: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Encode a batch of two points.

        Args:
            columns: float32 (batch,) by name, degrees, no NaN.

        Returns:
            float32 (batch, width), finite: great-circle distance, its logarithm, differences, direction,
            distances along street grids of several directions, and both positions along these directions.
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
        binned = [self._distance_bins(distance)]
        for angle in _ANGLES:
            along, across = _rotated(dx, dy, angle)
            streets = tf.abs(along) + tf.abs(across)
            plain.append(tf.math.log1p(streets))
            binned.append(self._distance_bins(streets))
        for x, y in ((x_from, y_from), (x_to, y_to)):
            for angle in _ANGLES[::3]:
                binned += [self._position_bins(position) for position in _rotated(x, y, angle)]
        return tf.concat([tf.stack(plain, axis=1), *binned], axis=1)

    def _plane(self, lon: tf.Tensor, lat: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        middle_lon, middle_lat = (self.west + self.east) / 2, (self.south + self.north) / 2
        shrink = math.cos(math.radians(middle_lat))
        return (lon - middle_lon) * (_KM_PER_DEGREE * shrink), (lat - middle_lat) * _KM_PER_DEGREE

    @property
    def _extent_km(self) -> float:
        shrink = math.cos(math.radians((self.south + self.north) / 2))
        return _KM_PER_DEGREE * math.hypot((self.east - self.west) * shrink, self.north - self.south)

    def _distance_bins(self, km: tf.Tensor) -> tf.Tensor:
        # Short distances are common and differ much: the edges grow as squares.
        edges = self._extent_km * np.linspace(0.0, 1.0, self.num_bins + 1) ** 2
        return PiecewiseLinear(edges=tuple(edges.tolist()))(km)

    def _position_bins(self, km: tf.Tensor) -> tf.Tensor:
        edges = np.linspace(-0.5, 0.5, self.num_bins + 1) * self._extent_km
        return PiecewiseLinear(edges=tuple(edges.tolist()))(km)


def great_circle_km(
    lon_from: tf.Tensor, lat_from: tf.Tensor, lon_to: tf.Tensor, lat_to: tf.Tensor
) -> tf.Tensor:
    """Return the great-circle distance in km, by the haversine formula.

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


def _rotated(x: tf.Tensor, y: tf.Tensor, angle: float) -> tuple[tf.Tensor, tf.Tensor]:
    return x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)


def _borders(*statistics: NumberStatistics) -> tuple[float, float]:
    """Return the 1st and the 99th percentile with a margin: 1 % of outliers doesn't move them."""
    low = min(item.quantiles[1] for item in statistics)
    high = max(item.quantiles[-2] for item in statistics)
    margin = max((high - low) * _MARGIN, 1e-3)
    return low - margin, high + margin
