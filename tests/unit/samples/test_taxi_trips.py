import numpy as np
import pytest

from samples.taxi_trips import (
    AREAS,
    AVENUES,
    KM_PER_DEGREE_LATITUDE,
    UNIT_KM,
    dropoff_areas,
    fare_dollars,
    metered_dollars,
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


def test_metered_dollars_counts_fifths_of_a_mile_on_a_free_road() -> None:
    km = UNIT_KM * np.array([0.5, 1.5, 10.5])
    assert metered_dollars(km, np.zeros(3)).tolist() == [2.5, 3.0, 7.5]


def test_metered_dollars_counts_minutes_where_nothing_moves() -> None:
    assert metered_dollars(np.zeros(2), np.array([59.0, 601.0])).tolist() == [2.5, 7.5]


def test_fare_dollars_at_airports_follows_their_rules() -> None:
    fares = fare_dollars(
        np.array([70.0, 60.0, 8.0]),
        jfk_manhattan=np.array([True, False, False]),
        newark=np.array([False, True, False]),
    )
    assert fares.tolist() == [52.0, 77.5, 8.0]
