import numpy as np
import pytest

from samples.taxifare.city import (
    AREAS,
    AVENUES,
    KM_PER_DEGREE_LATITUDE,
    dropoff_areas,
    pickup_areas,
    street_km,
)


def test_street_km_along_a_line_of_latitude_goes_round_the_corner() -> None:
    start, end = np.array([-74.0, 40.75]), np.array([-74.0, 40.76])
    straight = 0.01 * KM_PER_DEGREE_LATITUDE
    expected = straight * (np.cos(AVENUES) + np.sin(AVENUES))
    assert street_km(start, end) == pytest.approx(expected)


def test_nobody_is_taken_from_newark_or_within_an_airport() -> None:
    rng = np.random.default_rng(0)
    start = pickup_areas(rng, 5000)
    end = dropoff_areas(rng, start)
    names = np.array(list(AREAS))
    assert "newark" not in names[start]
    assert "newark" in names[end]
    assert not np.any((names[start] == "jfk") & (names[end] == "jfk"))
