from __future__ import annotations

import random

from preprocessing.images.raw_files import RawFile, in_record_order


def _file(name: str, size: int) -> RawFile:
    return RawFile(f"/source/{name}", name, "daisy", size)


def test_in_record_order_does_not_depend_on_the_order_given() -> None:
    files = [_file(f"{number}.jpg", number % 7) for number in range(50)]
    shuffled = random.Random(1).sample(files, len(files))
    ordered = in_record_order(files)
    assert in_record_order(shuffled) == ordered
    sizes = [file.size for file in ordered]
    assert len({size for size, after in zip(sizes, [*sizes[1:], None], strict=True) if size != after}) == 7
    assert sizes != sorted(sizes)
