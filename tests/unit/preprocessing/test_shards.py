from __future__ import annotations

import random
from collections import Counter

from preprocessing.images.raw_files import RawFile
from preprocessing.shards import (
    assign_shards,
    every_shard,
    number_of_shards,
    without_pieces,
)
from preprocessing.sources import Listed


def _file(name: str, size: int) -> RawFile:
    return RawFile(f"/source/{name}", name, "daisy", size)


def test_number_of_shards_is_at_least_one_and_rises_with_the_bytes() -> None:
    sizes = [0, 1, 100, 101, 1000]
    assert [number_of_shards(size, 100) for size in sizes] == [1, 1, 1, 2, 10]


def test_assign_shards_puts_equal_sizes_together() -> None:
    files = tuple(_file(f"{number}.jpg", 1000 + number % 50) for number in range(500))
    shard_of: dict[int, set[int]] = {}
    for shard, listed in assign_shards(Listed(pieces=files), 8):
        for file in listed.pieces:
            shard_of.setdefault(file.size, set()).add(shard)
    assert all(len(shards) == 1 for shards in shard_of.values())


def test_assign_shards_of_many_sizes_is_balanced() -> None:
    sizes = random.Random(0).sample(range(20_000, 80_000), 8000)
    files = tuple(_file(f"{size}.jpg", size) for size in sizes)
    counts = Counter({shard: len(listed.pieces) for shard, listed in assign_shards(Listed(pieces=files), 8)})
    assert len(counts) == 8
    assert all(850 < count < 1150 for count in counts.values())


def test_every_shard_is_named_once() -> None:
    assert [shard for shard, _ in every_shard(4)] == [0, 1, 2, 3]


def test_without_pieces_of_a_batch_of_files_is_nothing() -> None:
    assert list(without_pieces(Listed(pieces=(_file("a", 1),)))) == []
    assert list(without_pieces(Listed(pieces=(_file("a", 1),), ignored=2))) == [Listed(ignored=2)]
