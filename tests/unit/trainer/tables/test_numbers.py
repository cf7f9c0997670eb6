import numpy as np
import pytest
import tensorflow as tf

from contract import NumberStatistics
from contract.kinds import number
from trainer.tables.numbers import EXACT_VALUES, NumberColumn, Pieces, exact_index


def column(quantiles, *, pieces: int = 4, default: float | None = None) -> NumberColumn:
    statistics = NumberStatistics(
        count=10,
        missing=0,
        mean=2.0,
        std=0.0,
        minimum=min(quantiles),
        maximum=max(quantiles),
        quantiles=quantiles,
    )
    return NumberColumn.of(number("x", default=default), statistics, pieces=pieces)


def test_pieces_fill_up_one_after_another():
    encoded = Pieces(edges=(0.0, 1.0, 3.0))(tf.constant([-1.0, 0.5, 2.0, 9.0]))
    np.testing.assert_allclose(encoded, [[0, 0], [0.5, 0], [1, 0.5], [1, 1]])


def test_column_of_values_that_hardly_differ_keeps_the_pieces_of_the_rest():
    edges = column((*[0.0] * 97, 10.0, 20.0, 30.0, 40.0)).pieces.edges
    assert edges == (0.0, 10.0, 20.0, 30.0, 40.0)


def test_column_of_equal_values_is_finite():
    constant = column((5.0,) * 101)
    encoded = constant.encode(constant.clean(tf.constant([5.0, -1e30, float("nan")])))
    assert np.isfinite(encoded).all()
    assert constant.range_index(tf.constant([5.0])).numpy().tolist() == [0]


def test_clean_takes_the_default_for_what_is_no_number_and_the_border_beyond_it():
    values = column(tuple(range(101)), default=7.0).clean(tf.constant([float("nan"), -5.0, float("inf")]))
    assert values.numpy().tolist() == [7.0, 0.0, 100.0]


def test_column_without_pieces_is_one_number():
    assert column(tuple(range(101)), pieces=0).encode(tf.constant([4.0])).numpy() == pytest.approx(2.0)


def test_exact_index_tells_close_values_apart_and_takes_both_zeros_for_one():
    indices = exact_index(tf.constant([5178.0, 5179.0, 5178.0, 0.0, -0.0])).numpy()
    assert indices[0] == indices[2] != indices[1]
    assert indices[3] == indices[4]
    assert ((indices >= 0) & (indices < EXACT_VALUES)).all()
