import numpy as np
import pytest
import tensorflow as tf

from trainer.tables.points import PointColumns, great_circle_km

NAMES = ("from_lon", "from_lat", "to_lon", "to_lat")


@pytest.fixture
def points(statistics) -> PointColumns:
    return PointColumns.of(NAMES, statistics.numbers, pieces=8)


def encode(points: PointColumns, *rows: tuple[float, ...]):
    return points.encode(dict(zip(NAMES, tf.constant(rows, tf.float32)[..., None].numpy().T[0], strict=True)))


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
def test_encode_of_odd_coordinates_is_finite_and_small(points, row):
    encoded = encode(points, row).numpy()
    assert np.isfinite(encoded).all()
    assert np.abs(encoded).max() < 10


def test_encode_tells_what_is_outside_the_region(points):
    inside, outside = encode(points, (-74.0, 40.75, -74.0, 40.75), (0.0, 0.0, -74.0, 40.75))[:, 6:8].numpy()
    assert inside.tolist() == [0, 0]
    assert outside.tolist() == [1, 0]


def test_encode_of_a_way_back_has_the_same_distance(points):
    there, back = encode(points, (-74.0, 40.7, -73.9, 40.8), (-73.9, 40.8, -74.0, 40.7)).numpy()
    np.testing.assert_allclose(there[:2], back[:2], rtol=1e-5)
    np.testing.assert_allclose(there[2:6], -back[2:6], rtol=1e-4)
