from samples.yellow_taxi import YELLOW_TAXI


def test_files_are_the_36_months() -> None:
    months = [f"{year}-{month:02}" for year in (2018, 2019, 2020) for month in range(1, 13)]
    assert sorted(YELLOW_TAXI.files.values()) == [f"yellow_tripdata_sample_{month}.csv" for month in months]
    assert set(YELLOW_TAXI.files) == set(YELLOW_TAXI.archive.members)
    assert len(set(YELLOW_TAXI.archive.members.values())) == 36
