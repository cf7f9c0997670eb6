"""Finding and counting the records of a dataset."""

from __future__ import annotations

import pytest

from contract import FEATURES_FILENAME, ContractError
from trainer.errors import InputError
from trainer.records import Records


def test_open_dataset_knows_the_labels_and_the_records_of_both_sides(dataset):
    records = Records.open(str(dataset))

    assert records.train_label_counts == (8, 8, 8, 8, 8)
    assert records.validation.records == 12
    assert len(records.train.files) == 2
    assert records.labels == ("daisy", "dandelion", "roses", "sunflowers", "tulips")


def test_open_gs_uri_reads_below_the_mount(dataset, monkeypatch):
    monkeypatch.setenv("GCS_MOUNT", str(dataset.parent))

    assert Records.open(f"gs://{dataset.name}").train.records == 40


def test_open_missing_folder_names_the_flag(tmp_path):
    with pytest.raises(InputError, match=r"--data-dir: expected a folder of TFRecords, received '.*nowhere'"):
        Records.open(str(tmp_path / "nowhere"))


def test_open_folder_without_contract_says_what_is_there(tmp_path):
    (tmp_path / "stray.txt").touch()

    with pytest.raises(
        InputError, match=r"expected a folder with features.json, as .*, received \['stray.txt'\]"
    ):
        Records.open(str(tmp_path))


def test_open_broken_contract_names_the_file(make_dataset):
    folder = make_dataset()
    (folder / FEATURES_FILENAME).write_text("{")

    with pytest.raises(ContractError, match=r"features.json: expected JSON"):
        Records.open(str(folder))


def test_open_with_an_empty_validation_set_says_so(make_dataset):
    with pytest.raises(InputError, match="validation records: expected at least one, received 0"):
        Records.open(str(make_dataset(validation=0)))


def test_open_several_folders_joins_their_shards(dataset, make_dataset):
    records = Records.open(f"{dataset},{make_dataset(train=10, validation=5)}")

    assert (records.train.records, records.validation.records) == (50, 17)
    assert len(records.train.files) == 4


def test_open_folders_with_other_features_names_the_folder(dataset, make_dataset):
    other = make_dataset(labels=("daisy", "lilies"))

    with pytest.raises(InputError, match=f"features of {other}: expected those of {dataset}"):
        Records.open(f"{dataset},{other}")


def test_open_with_patterns_takes_the_shards_that_fit(dataset):
    records = Records.open(str(dataset), train_files=f"{dataset}/*-train.tfrecord-00001-of-*")

    assert [path[-14:] for path in records.train.files] == ["00001-of-00002"]
    assert records.train.records == 20


def test_open_with_patterns_that_fit_nothing_names_the_flag(dataset):
    with pytest.raises(InputError, match="--train-files, train records: expected at least one, received 0"):
        Records.open(str(dataset), train_files=f"{dataset}/none-*")
