"""Two points on Earth as distances, directions and places."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from contract import NumberStatistics
from trainer.tables.numbers import Pieces

_KM_PER_DEGREE = 111.195
_EARTH_KM = 6371.0
_ANGLES = tuple(math.radians(degrees) for degrees in (0, 15, 30, 45, 60, 75))
_MARGIN = 0.5


@dataclass(frozen=True, kw_only=True)
class PointColumns:
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
    ) -> PointColumns:
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
        return Pieces(edges=tuple(edges.tolist()))(km)

    def _place_pieces(self, km: tf.Tensor) -> tf.Tensor:
        edges = np.linspace(-0.5, 0.5, self.pieces + 1) * self._extent_km
        return Pieces(edges=tuple(edges.tolist()))(km)


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
