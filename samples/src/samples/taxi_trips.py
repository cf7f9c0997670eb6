"""Taxi trips drawn from a seed: places along Manhattan's street grid, and fares by New York's tariff."""

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
_PASSENGERS = {1: 0.70, 2: 0.15, 3: 0.04, 4: 0.02, 5: 0.06, 6: 0.03}

# The tariff of yellow taxis from September 2012 to December 2022.
START_DOLLARS = 2.50
UNIT_DOLLARS = 0.50
UNIT_KM = 1.609344 / 5
UNIT_SECONDS = 60
SLOW_KM_PER_HOUR = 12 * 1.609344
"""Below this the meter counts time, above it distance."""
JFK_MANHATTAN_DOLLARS = 52.0
NEWARK_SURCHARGE_DOLLARS = 17.50


@dataclass(frozen=True, kw_only=True)
class Area:
    """Part of the city, as a normal distribution of pickup and dropoff points.

    Attributes:
        longitude: of the center, degrees.
        latitude: of the center, degrees.
        along_km: standard deviation of its points along the avenues.
        across_km: standard deviation of its points along the streets.
        pickups: relative frequency of trips that begin here.
        dropoffs: relative frequency of trips that end here.
        manhattan: True if the flat fare to JFK applies.
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
"""Areas by name."""

_AIRPORTS = ("laguardia", "jfk", "newark")


def pickup_areas(rng: np.random.Generator, count: int) -> NDArray[np.intp]:
    """Draw areas where trips begin: indices of AREAS, shape (count,)."""
    weights = np.array([area.pickups for area in AREAS.values()])
    return rng.choice(len(weights), size=count, p=weights / weights.sum())


def dropoff_areas(rng: np.random.Generator, pickups: NDArray[np.intp]) -> NDArray[np.intp]:
    """Draw areas where trips end, nearby ones more often, except at airports: indices of AREAS."""
    areas = list(AREAS.values())
    centers = np.array([(area.longitude, area.latitude) for area in areas])
    distances = street_km(centers[:, None], centers[None, :])
    nearness = np.exp(-distances / _REACH_KM)
    for index, name in enumerate(AREAS):
        if name in _AIRPORTS:
            nearness[index, :] = nearness[:, index] = 0.16
            nearness[index, index] = 0.0
    weights = nearness * np.array([area.dropoffs for area in areas])
    cumulated = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    return np.asarray((rng.random((len(pickups), 1)) > cumulated[pickups]).sum(axis=1), np.intp)


def points(rng: np.random.Generator, areas: NDArray[np.intp]) -> Floats:
    """Draw a point in each area: longitude and latitude in degrees, shape (points, 2)."""
    table = np.array([(a.longitude, a.latitude, a.along_km, a.across_km) for a in AREAS.values()])[areas]
    along, across = rng.standard_normal((2, len(areas))) * table[:, 2:].T
    east = along * np.sin(AVENUES) + across * np.cos(AVENUES)
    north = along * np.cos(AVENUES) - across * np.sin(AVENUES)
    moved = np.stack([east / KM_PER_DEGREE_LONGITUDE, north / KM_PER_DEGREE_LATITUDE], axis=1)
    places: Floats = table[:, :2] + moved
    return places


def street_km(start: Floats, end: Floats) -> Floats:
    """Return the distance along avenues and streets in kilometres: (..., 2) and (..., 2) degrees to (...)."""
    moved = end - start
    east, north = moved[..., 0] * KM_PER_DEGREE_LONGITUDE, moved[..., 1] * KM_PER_DEGREE_LATITUDE
    along = np.abs(east * np.sin(AVENUES) + north * np.cos(AVENUES))
    across = np.abs(east * np.cos(AVENUES) - north * np.sin(AVENUES))
    distance: Floats = along + across
    return distance


def metered_dollars(km: Floats, seconds: Floats) -> Floats:
    """Return the fare of trips by distance and time.

    Time counts as far as a trip takes longer than at SLOW_KM_PER_HOUR: a real meter adds up the slow parts of
    a trip, which are unknown here.

    Args:
        km: distance, shape (trips,).
        seconds: duration, shape (trips,).

    Returns:
        Dollars in steps of UNIT_DOLLARS, without tip, toll and tax; shape (trips,).
    """
    waiting_seconds = np.maximum(0, seconds - km / SLOW_KM_PER_HOUR * 3600)
    units = np.floor(km / UNIT_KM + waiting_seconds / UNIT_SECONDS)
    dollars: Floats = START_DOLLARS + UNIT_DOLLARS * units
    return dollars


def fare_dollars(metered: Floats, *, jfk_manhattan: NDArray[np.bool_], newark: NDArray[np.bool_]) -> Floats:
    """Return the fare with the rules for airports.

    Args:
        metered: dollars, shape (trips,).
        jfk_manhattan: between JFK and Manhattan, either way: a flat fare.
        newark: to Newark: a surcharge.
    """
    dollars: Floats = np.where(
        jfk_manhattan, JFK_MANHATTAN_DOLLARS, metered + newark * NEWARK_SURCHARGE_DOLLARS
    )
    return dollars


@dataclass(frozen=True, kw_only=True)
class Trips:
    """Columns of trips, all of the same length.

    Attributes:
        fares: dollars, shape (trips,).
        pickups: longitude and latitude in degrees, shape (trips, 2).
        dropoffs: the same.
        passengers: shape (trips,).
    """

    fares: Floats
    pickups: Floats
    dropoffs: Floats
    passengers: NDArray[np.int64]

    @classmethod
    def draw(cls, rng: np.random.Generator, count: int) -> Trips:
        """Draw trips with fares by the tariff; traffic and detours, which no column contains, are noise."""
        start = pickup_areas(rng, count)
        end = dropoff_areas(rng, start)
        pickups, dropoffs = points(rng, start), points(rng, end)
        km = street_km(pickups, dropoffs) * rng.lognormal(0.05, 0.12, count)
        metered = metered_dollars(km, _seconds(rng, km))
        names = np.array(list(AREAS))
        manhattan = np.array([area.manhattan for area in AREAS.values()])
        jfk_manhattan = ((names[start] == "jfk") & manhattan[end]) | (
            manhattan[start] & (names[end] == "jfk")
        )
        return cls(
            fares=fare_dollars(metered, jfk_manhattan=jfk_manhattan, newark=names[end] == "newark"),
            pickups=pickups,
            dropoffs=dropoffs,
            passengers=rng.choice(list(_PASSENGERS), size=count, p=list(_PASSENGERS.values())),
        )

    def rows(self) -> list[list[str]]:
        """Return the rows of the taxifare course, without the last column, the key."""
        columns = zip(self.fares, self.pickups, self.dropoffs, self.passengers, strict=True)
        return [
            [f"{fare:.1f}", *(f"{degrees:.6f}" for degrees in (*pickup, *dropoff)), str(passengers)]
            for fare, pickup, dropoff, passengers in columns
        ]


def _seconds(rng: np.random.Generator, km: Floats) -> Floats:
    """Draw durations: short trips are in city traffic, those to an airport mostly on free roads."""
    seconds_per_km = 95 + 145 * np.exp(-km / 7)
    traffic = rng.lognormal(0.05, 0.4, len(km))
    seconds: Floats = 45 + km * seconds_per_km * traffic
    return seconds
