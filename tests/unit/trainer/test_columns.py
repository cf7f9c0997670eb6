"""Encoding of the columns of a table."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from contract import CsvFormat, DataContract, DatasetStatistics, FeatureSpec, number, target
from trainer.columns import Columns
from trainer.errors import InputError
from trainer.options import RegressionOptions

OPTIONS = RegressionOptions(
    categorical_numbers="distance",
    crosses="payment+zone,distance+payment+zone",
    cross_buckets=100,
    geo_pairs="from_lon,from_lat,to_lon,to_lat",
)


@pytest.fixture
def columns(fare_contract, statistics) -> Columns:
    return Columns.of(fare_contract, statistics, OPTIONS)


def test_transform_gives_finite_numbers_and_indices_in_range(columns, inputs):
    encoded = columns.transform(inputs)
    assert np.isfinite(encoded["numbers"]).all()
    sizes = {"categories": columns.category_sizes, "crosses": columns.cross_sizes}
    for name, parts in sizes.items():
        indices, ends = encoded[name].numpy(), np.cumsum(parts)
        assert indices.shape[1] == len(parts)
        assert (indices >= ends - parts).all()
        assert (indices < ends).all()


def test_transform_of_odd_input_is_finite_and_unknown(columns, inputs):
    odd = {
        name: tf.constant(["never seen"] if values.dtype == tf.string else [float("nan")])
        for name, values in inputs.items()
    } | {"started": tf.constant(["2018-01-31 23:59:00"])}
    encoded = columns.transform(odd)
    assert np.isfinite(encoded["numbers"]).all()
    starts = np.cumsum((0, *columns.category_sizes[:-1]))
    categories = (encoded["categories"].numpy() - starts)[0].tolist()
    assert categories[: len(columns.categories)] == [0] * len(columns.categories)


def test_transform_strips_spaces(columns, inputs):
    spaced = {
        name: tf.strings.join([" ", values, "  "]) if values.dtype == tf.string else values
        for name, values in inputs.items()
    }
    expected, received = columns.transform(inputs), columns.transform(spaced)
    assert all(np.array_equal(expected[name], received[name]) for name in expected)


def test_transform_in_a_pipeline_gives_what_a_direct_call_gives(columns, inputs):
    dataset = tf.data.Dataset.from_tensor_slices(inputs).batch(100).map(columns.transform)
    parts = list(dataset)
    for name, expected in columns.transform(inputs).items():
        received = np.concatenate([part[name] for part in parts])
        np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-6)


def test_transform_of_whole_numbers_gives_what_it_gives_for_floats(columns, inputs):
    whole = {**inputs, "distance": tf.constant([2] * len(inputs["distance"]), tf.int64)}
    same = {**inputs, "distance": tf.cast(whole["distance"], tf.float32)}
    np.testing.assert_array_equal(columns.transform(whole)["numbers"], columns.transform(same)["numbers"])


def test_columns_of_numbers_alone_have_no_indices(statistics):
    contract = DataContract(
        name="trips",
        record_format="csv",
        features=(number("distance"), target("fare")),
        csv=CsvFormat(),
    )
    columns = Columns.of(contract, statistics, RegressionOptions())
    assert set(columns.transform({"distance": tf.constant([1.0])})) == {"numbers"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"categorical_numbers": "zone"}, r"--categorical-numbers: .* received \['zone'\]"),
        ({"geo_pairs": "from_lon,from_lat,to_lon,zone"}, r"--geo-pairs: expected .* received \['zone'\]"),
        ({"crosses": "zone+fare"}, r"--crosses: .* received \['fare'\]"),
        ({"crosses": "zone+started"}, r"--crosses: .* received \['started'\]"),
    ],
)
def test_columns_of_a_name_of_the_wrong_kind_are_refused(fare_contract, statistics, options, message):
    with pytest.raises(InputError, match=message):
        Columns.of(fare_contract, statistics, RegressionOptions(**options))


def test_columns_without_statistics_are_refused(fare_contract):
    nothing = DatasetStatistics(records={}, labels={}, numbers={}, categories={})
    with pytest.raises(InputError, match=r"statistics.json: expected the feature distance"):
        Columns.of(fare_contract, nothing, RegressionOptions())


def test_transform_of_indices_of_a_vocabulary_counts_them_from_one(statistics):
    indexed = FeatureSpec(name="zone", dtype="int64", vocabulary=("1", "2", "3"), first_index=5)
    contract = DataContract(
        name="trips", record_format="csv", features=(indexed, target("fare")), csv=CsvFormat()
    )
    columns = Columns.of(contract, statistics, RegressionOptions())
    encoded = columns.transform({"zone": tf.constant([5, 7, 4, 8, 6], tf.int64)})
    assert encoded["categories"].numpy().ravel().tolist() == [1, 3, 0, 0, 2]
    assert columns.category_sizes == (4,)
