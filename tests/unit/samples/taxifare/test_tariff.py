import numpy as np

from samples.taxifare.tariff import UNIT_KM, fare_dollars, metered_dollars


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
