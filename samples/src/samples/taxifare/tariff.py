"""What the meter says: the tariff of New York's yellow taxis from September 2012 to December 2022."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from samples.taxifare.city import Floats

START_DOLLARS = 2.50
UNIT_DOLLARS = 0.50
UNIT_KM = 1.609344 / 5
UNIT_SECONDS = 60
SLOW_KM_PER_HOUR = 12 * 1.609344
"""Below this the meter counts time, above it distance."""
JFK_MANHATTAN_DOLLARS = 52.0
NEWARK_SURCHARGE_DOLLARS = 17.50


def metered_dollars(km: Floats, seconds: Floats) -> Floats:
    """The fare of trips by distance and time.

    Time counts as far as a trip takes longer than at SLOW_KM_PER_HOUR: a meter adds up slow stretches of the
    way, which we don't know.

    Args:
        km: the way, shape (trips,).
        seconds: how long it takes, shape (trips,).

    Returns:
        Dollars in steps of UNIT_DOLLARS, without tip, toll and tax; shape (trips,).
    """
    waiting_seconds = np.maximum(0, seconds - km / SLOW_KM_PER_HOUR * 3600)
    units = np.floor(km / UNIT_KM + waiting_seconds / UNIT_SECONDS)
    dollars: Floats = START_DOLLARS + UNIT_DOLLARS * units
    return dollars


def fare_dollars(metered: Floats, *, jfk_manhattan: NDArray[np.bool_], newark: NDArray[np.bool_]) -> Floats:
    """The fare with the airports' rules.

    Args:
        metered: dollars, shape (trips,).
        jfk_manhattan: between JFK and Manhattan, either way: a flat fare.
        newark: to Newark: a surcharge.
    """
    dollars: Floats = np.where(
        jfk_manhattan, JFK_MANHATTAN_DOLLARS, metered + newark * NEWARK_SURCHARGE_DOLLARS
    )
    return dollars
