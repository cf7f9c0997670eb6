from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import CategoricalStatistics
from preprocessing.tables.statistics import (
    CategoryCounts,
    Moments,
    RowSample,
    TableStats,
    merge_statistics,
    row_hashes,
)

_floats = st.lists(st.floats(-1e6, 1e6), max_size=30)


@given(_floats, _floats)
def test_moments_merged_are_those_of_all_values(first: list[float], second: list[float]) -> None:
    merged = Moments.of(np.array(first), missing=0).merged(Moments.of(np.array(second), missing=0))
    values = np.array(first + second)
    assert merged.count == values.size
    if values.size:
        assert merged.mean == pytest.approx(values.mean(), abs=1e-6)
        assert merged.squares / values.size == pytest.approx(values.var(), rel=1e-6, abs=1e-3)
        assert (merged.minimum, merged.maximum) == (values.min(), values.max())


def test_commonest_orders_by_count_then_alphabet_and_counts_the_rest() -> None:
    counts = CategoryCounts(counts={"b": 2, "a": 2, "c": 5, "d": 1}, missing=1)
    assert list(counts.commonest(3).counts.items()) == [("c", 5), ("a", 2), ("b", 2)]
    assert counts.commonest(3).other == 1


def test_row_sample_merged_depends_on_no_division() -> None:
    hashes = row_hashes(3, np.arange(1, 1001))
    values = np.arange(1000.0).reshape(-1, 1)
    whole = RowSample.of(hashes, values, 100)
    parts = [RowSample.of(hashes[part::3], values[part::3], 100) for part in range(3)]
    merged = parts[2].merged(parts[0], 100).merged(parts[1], 100)
    assert np.array_equal(whole.values, merged.values)
    assert 350 < whole.values.mean() < 650


def _table(values: list[float], categories: dict[str, int]) -> TableStats:
    column = np.array(values).reshape(-1, 1)
    return TableStats(
        numbers={"n": Moments.of(column[:, 0], missing=0)},
        categories={"w": CategoryCounts(counts=categories)},
        sample=RowSample.of(row_hashes(len(values), np.arange(len(values))), column, 100),
    )


def test_merge_statistics_of_shards() -> None:
    merged = merge_statistics([_table([1, 2], {"a": 1}), _table([], {}), _table([6], {"a": 1, "b": 3})])
    numbers, categories = merged["numbers"]["n"], merged["categories"]["w"]
    assert (numbers.count, numbers.mean, numbers.std) == (3, 3.0, 2.16024689947)
    assert (numbers.quantiles[0], numbers.quantiles[50], numbers.quantiles[100]) == (1, 2, 6)
    assert categories == CategoricalStatistics(count=5, missing=0, counts={"b": 3, "a": 2}, other=0)
    assert list(categories.counts) == ["b", "a"]


def test_merge_statistics_without_rows_gives_zeros() -> None:
    numbers = merge_statistics([_table([], {})])["numbers"]["n"]
    assert (numbers.count, numbers.std, set(numbers.quantiles)) == (0, 0.0, {0.0})
    assert merge_statistics([]) == {"numbers": {}, "categories": {}}
