import numpy as np

from samples.taxifare.dirt import KINDS, soil

ROW = ["8.5", "-73.9", "40.7", "-74.0", "40.8", "2"]


def test_soil_leaves_most_rows_and_the_given_list_alone() -> None:
    rows = [list(ROW) for _ in range(2000)]
    soiled = soil(np.random.default_rng(0), rows)
    assert rows == [ROW] * 2000
    assert 0.97 < sum(row == ROW for row in soiled) / 2000 < 1


def test_each_kind_of_dirt_is_what_its_words_say() -> None:
    assert [spoil(list(ROW)) for _, spoil in KINDS.values()] == [
        ["8.5", "0.0", "0.0", "0.0", "0.0", "2"],
        ["-8.5", *ROW[1:]],
        [*ROW[:5], "0"],
        ROW[:5],
        ["n/a", *ROW[1:]],
    ]
