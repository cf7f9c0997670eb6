import gzip

import pytest

from samples.fetched import FetchedSample
from samples.public_datasets import AUTOENCODER, CENSUS, YELLOW_TAXI, clean, compress


@pytest.mark.parametrize("sample", [AUTOENCODER, CENSUS, YELLOW_TAXI], ids=lambda sample: sample.dataset)
def test_every_pinned_member_becomes_a_file(sample: FetchedSample) -> None:
    assert set(sample.files) == set(sample.archive.members)


def test_compress_gives_the_same_file_every_time() -> None:
    first, again = compress(b"pixels" * 100), compress(b"pixels" * 100)
    assert first == again
    assert gzip.decompress(first) == b"pixels" * 100


def test_clean_of_the_test_file_drops_its_first_line_and_the_dots() -> None:
    content = b"|1x3 Cross validator\n25, Private, ?, <=50K.\n38, Private, Black, >50K.\n\n"
    assert clean(content) == b"25, Private, ?, <=50K\n38, Private, Black, >50K\n"


def test_clean_of_the_training_file_drops_blank_lines_only() -> None:
    assert clean(b"39, State-gov, <=50K\n\n") == b"39, State-gov, <=50K\n"


def test_yellow_taxi_files_are_the_36_months() -> None:
    months = [f"{year}-{month:02}" for year in (2018, 2019, 2020) for month in range(1, 13)]
    assert sorted(YELLOW_TAXI.files.values()) == [f"yellow_tripdata_sample_{month}.csv" for month in months]
    assert len(set(YELLOW_TAXI.archive.members.values())) == 36
