"""Finding and counting the records of a dataset."""

from __future__ import annotations

import pytest
from trainer.errors import InputError
from trainer.records import Records

from dataset_contract import FEATURES_FILENAME, ContractError, DataContract, image_features


def test_open_dataset_counts_the_labels_of_both_sides(dataset):
    records = Records.open(str(dataset))

    assert records.train.label_counts == (8, 8, 8, 8, 8)
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

    with pytest.raises(InputError, match=r"expected a folder with a features.json, received \['stray.txt'\]"):
        Records.open(str(tmp_path))


def test_open_broken_contract_names_the_file(tmp_path):
    (tmp_path / FEATURES_FILENAME).write_text("{")

    with pytest.raises(ContractError, match=r"features.json: expected JSON"):
        Records.open(str(tmp_path))


def test_open_without_validation_files_names_the_pattern(make_dataset):
    folder = make_dataset()
    for path in folder.glob("*validation*"):
        path.unlink()

    with pytest.raises(InputError, match=r"expected files flowers-validation.tfrecord-\*"):
        Records.open(str(folder))


def test_open_with_an_empty_validation_set_says_so(make_dataset):
    with pytest.raises(InputError, match="validation records: expected at least one, received 0"):
        Records.open(str(make_dataset(validation=0)))


def test_open_with_a_label_out_of_range_names_it(make_dataset):
    folder = make_dataset()
    fewer = DataContract(
        name="flowers", record_format="image", features=image_features(("daisy", "dandelion", "roses"))
    )
    (folder / FEATURES_FILENAME).write_text(fewer.to_features_json())

    with pytest.raises(InputError, match=r"image/class/label: expected 1 to 3, received [45]"):
        Records.open(str(folder))
