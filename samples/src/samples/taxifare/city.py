"""Where trips begin and end: parts of the city as clouds of points along Manhattan's street grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

KM_PER_DEGREE_LATITUDE = 111.2
KM_PER_DEGREE_LONGITUDE = KM_PER_DEGREE_LATITUDE * float(np.cos(np.radians(40.75)))
AVENUES = np.radians(29.0)
"""Manhattan's avenues run this much east of north."""

_REACH_KM = 3.5


@dataclass(frozen=True, kw_only=True)
class Area:
    """A part of the city.

    Attributes:
        longitude: of its middle, degrees.
        latitude: of its middle, degrees.
        along_km: standard deviation of its points along the avenues.
        across_km: standard deviation of its points along the streets.
        pickups: how often trips begin here, against the other areas.
        dropoffs: how often trips end here.
        manhattan: whether the airport's flat fare is for it.
    """

    longitude: float
    latitude: float
    along_km: float
    across_km: float
    pickups: float
    dropoffs: float
    manhattan: bool = False


AREAS = {
    "midtown": Area(
        longitude=-73.982, latitude=40.755, along_km=1.1, across_km=0.55,
        pickups=40, dropoffs=36, manhattan=True,
    ),
    "chelsea": Area(
        longitude=-73.995, latitude=40.738, along_km=0.8, across_km=0.55,
        pickups=20, dropoffs=18, manhattan=True,
    ),
    "downtown": Area(
        longitude=-74.007, latitude=40.715, along_km=0.7, across_km=0.4,
        pickups=9, dropoffs=9, manhattan=True,
    ),
    "upper_east": Area(
        longitude=-73.957, latitude=40.774, along_km=0.9, across_km=0.35,
        pickups=15, dropoffs=15, manhattan=True,
    ),
    "upper_west": Area(
        longitude=-73.976, latitude=40.786, along_km=0.9, across_km=0.3,
        pickups=10, dropoffs=10, manhattan=True,
    ),
    "harlem": Area(
        longitude=-73.946, latitude=40.812, along_km=1.0, across_km=0.5,
        pickups=1.5, dropoffs=3, manhattan=True,
    ),
    "brooklyn": Area(
        longitude=-73.975, latitude=40.690, along_km=1.8, across_km=1.8, pickups=3.5, dropoffs=7,
    ),
    "queens": Area(
        longitude=-73.925, latitude=40.755, along_km=1.5, across_km=1.8, pickups=2, dropoffs=5,
    ),
    "bronx": Area(
        longitude=-73.910, latitude=40.845, along_km=1.5, across_km=1.2, pickups=0.3, dropoffs=1,
    ),
    "laguardia": Area(
        longitude=-73.873, latitude=40.773, along_km=0.25, across_km=0.25, pickups=4, dropoffs=4,
    ),
    "jfk": Area(
        longitude=-73.781, latitude=40.645, along_km=0.4, across_km=0.4, pickups=2.5, dropoffs=1.5,
    ),
    # New York's taxis may take people to Newark's airport, not from it.
    "newark": Area(
        longitude=-74.177, latitude=40.692, along_km=0.3, across_km=0.3, pickups=0, dropoffs=1,
    ),
}  # fmt: skip
"""Every area by its name."""

_AIRPORTS = ("laguardia", "jfk", "newark")


def pickup_areas(rng: np.random.Generator, count: int) -> NDArray[np.intp]:
    """Where trips begin: indices of AREAS, shape (count,)."""
    weights = np.array([area.pickups for area in AREAS.values()])
    return rng.choice(len(weights), size=count, p=weights / weights.sum())


def dropoff_areas(rng: np.random.Generator, pickups: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where trips end: near ends more often than far ones, except at airports; indices of AREAS."""
    areas = list(AREAS.values())
    middles = np.array([(area.longitude, area.latitude) for area in areas])
    distances = street_km(middles[:, None], middles[None, :])
    nearness = np.exp(-distances / _REACH_KM)
    for index, name in enumerate(AREAS):
        if name in _AIRPORTS:
            nearness[index, :] = nearness[:, index] = 0.16
            nearness[index, index] = 0.0
    weights = nearness * np.array([area.dropoffs for area in areas])
    cumulated = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    return np.asarray((rng.random((len(pickups), 1)) > cumulated[pickups]).sum(axis=1), np.intp)


def points(rng: np.random.Generator, areas: NDArray[np.intp]) -> Floats:
    """A point in each area: longitude and latitude in degrees, shape (points, 2)."""
    table = np.array([(a.longitude, a.latitude, a.along_km, a.across_km) for a in AREAS.values()])[areas]
    along, across = rng.standard_normal((2, len(areas))) * table[:, 2:].T
    east = along * np.sin(AVENUES) + across * np.cos(AVENUES)
    north = along * np.cos(AVENUES) - across * np.sin(AVENUES)
    moved = np.stack([east / KM_PER_DEGREE_LONGITUDE, north / KM_PER_DEGREE_LATITUDE], axis=1)
    places: Floats = table[:, :2] + moved
    return places


def street_km(start: Floats, end: Floats) -> Floats:
    """The way along avenues and streets, in kilometres: (..., 2) and (..., 2) degrees to (...)."""
    moved = end - start
    east, north = moved[..., 0] * KM_PER_DEGREE_LONGITUDE, moved[..., 1] * KM_PER_DEGREE_LATITUDE
    along = np.abs(east * np.sin(AVENUES) + north * np.cos(AVENUES))
    across = np.abs(east * np.cos(AVENUES) - north * np.sin(AVENUES))
    distance: Floats = along + across
    return distance
