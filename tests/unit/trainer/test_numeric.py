"""Encoders of numeric features."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from contract import NumberStatistics, number
from trainer.numeric import (
    VALUE_BUCKETS,
    GeoPairColumns,
    NumberColumn,
    PiecewiseLinear,
    great_circle_km,
    value_bucket,
)


def column(quantiles, *, num_bins: int = 4, default: float | None = None) -> NumberColumn:
    statistics = NumberStatistics(
        count=10,
        missing=0,
        mean=2.0,
        std=0.0,
        minimum=min(quantiles),
        maximum=max(quantiles),
        quantiles=quantiles,
    )
    return NumberColumn.of(number("x", default=default), statistics, num_bins=num_bins)


def test_piecewise_linear_fills_bins_one_after_another():
    encoded = PiecewiseLinear(edges=(0.0, 1.0, 3.0))(tf.constant([-1.0, 0.5, 2.0, 9.0]))
    np.testing.assert_allclose(encoded, [[0, 0], [0.5, 0], [1, 0.5], [1, 1]])


def test_column_of_values_that_hardly_differ_keeps_the_bins_of_the_rest():
    edges = column((*[0.0] * 97, 10.0, 20.0, 30.0, 40.0)).bins.edges
    assert edges == (0.0, 10.0, 20.0, 30.0, 40.0)


def test_column_of_equal_values_is_finite():
    constant = column((5.0,) * 101)
    encoded = constant.encode(constant.clean(tf.constant([5.0, -1e30, float("nan")])))
    assert np.isfinite(encoded).all()
    assert constant.cross_bin(tf.constant([5.0])).numpy().tolist() == [0]


def test_clean_takes_the_default_for_what_is_no_number_and_the_border_beyond_it():
    values = column(tuple(range(101)), default=7.0).clean(tf.constant([float("nan"), -5.0, float("inf")]))
    assert values.numpy().tolist() == [7.0, 0.0, 100.0]


def test_column_without_bins_is_one_number():
    assert column(tuple(range(101)), num_bins=0).encode(tf.constant([4.0])).numpy() == pytest.approx(2.0)


def test_value_bucket_tells_close_values_apart_and_takes_both_zeros_for_one():
    indices = value_bucket(tf.constant([5178.0, 5179.0, 5178.0, 0.0, -0.0])).numpy()
    assert indices[0] == indices[2] != indices[1]
    assert indices[3] == indices[4]
    assert ((indices >= 0) & (indices < VALUE_BUCKETS)).all()


NAMES = ("from_lon", "from_lat", "to_lon", "to_lat")


@pytest.fixture
def geo_pair(statistics) -> GeoPairColumns:
    return GeoPairColumns.of(NAMES, statistics.numbers, num_bins=8)


def encode(geo_pair: GeoPairColumns, *rows: tuple[float, ...]):
    return geo_pair.encode(
        dict(zip(NAMES, tf.constant(rows, tf.float32)[..., None].numpy().T[0], strict=True))
    )


def test_great_circle_km_of_new_york_to_london_is_known():
    km = great_circle_km(*(tf.constant([value]) for value in (-73.7789, 40.6397, -0.4543, 51.4706)))
    assert km.numpy() == pytest.approx([5540], rel=2e-3)


@pytest.mark.parametrize(
    "row",
    [
        (0.0, 0.0, 0.0, 0.0),
        (40.75, -74.0, 40.75, -74.0),
        (-74.0, 40.75, -74.0, 40.75),
        (-74.0, 40.75, 1e30, -1e30),
        (180.0, 90.0, -180.0, -90.0),
    ],
)
def test_encode_of_odd_coordinates_is_finite_and_small(geo_pair, row):
    encoded = encode(geo_pair, row).numpy()
    assert np.isfinite(encoded).all()
    assert np.abs(encoded).max() < 10


def test_encode_tells_what_is_outside_the_region(geo_pair):
    inside, outside = encode(geo_pair, (-74.0, 40.75, -74.0, 40.75), (0.0, 0.0, -74.0, 40.75))[:, 6:8].numpy()
    assert inside.tolist() == [0, 0]
    assert outside.tolist() == [1, 0]


def test_encode_of_a_way_back_has_the_same_distance(geo_pair):
    there, back = encode(geo_pair, (-74.0, 40.7, -73.9, 40.8), (-73.9, 40.8, -74.0, 40.7)).numpy()
    np.testing.assert_allclose(there[:2], back[:2], rtol=1e-5)
    np.testing.assert_allclose(there[2:6], -back[2:6], rtol=1e-4)
