"""Trips, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samples.taxifare.city import AREAS, Floats, dropoff_areas, pickup_areas, points, street_km
from samples.taxifare.tariff import fare_dollars, metered_dollars

_PASSENGERS = {1: 0.70, 2: 0.15, 3: 0.04, 4: 0.02, 5: 0.06, 6: 0.03}


@dataclass(frozen=True, kw_only=True)
class Trips:
    """As many trips as each array is long.

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
        """Draw trips whose fares follow the tariff; traffic and detours, which no column tells, are noise."""
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
        """The columns of the course, without its last one, the key."""
        columns = zip(self.fares, self.pickups, self.dropoffs, self.passengers, strict=True)
        return [
            [f"{fare:.1f}", *(f"{degrees:.6f}" for degrees in (*pickup, *dropoff)), str(passengers)]
            for fare, pickup, dropoff, passengers in columns
        ]


def _seconds(rng: np.random.Generator, km: Floats) -> Floats:
    """How long trips take: short ones in the city's traffic, the way to an airport mostly on free roads."""
    seconds_per_km = 95 + 145 * np.exp(-km / 7)
    traffic = rng.lognormal(0.05, 0.4, len(km))
    seconds: Floats = 45 + km * seconds_per_km * traffic
    return seconds
