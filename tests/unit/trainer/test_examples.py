"""Examples of a split, and the choice of golden requests."""

from __future__ import annotations

import numpy as np

import trainer.examples
from trainer.examples import (
    Examples,
    choose_golden,
    first_examples,
    golden_requests,
    read_examples,
    spread_examples,
)
from trainer.records import Records


def test_examples_count_labels_from_zero(dataset):
    records = Records.open(str(dataset))

    batches = list(read_examples(records, records.validation, batch_size=5))

    assert [len(batch) for batch in batches] == [5, 5, 2]
    assert {int(target) for batch in batches for target in batch.targets} == set(range(5))
    assert all(name.endswith(".jpg") for batch in batches for name in batch.names)


def test_first_examples_of_few_records_are_all(dataset):
    records = Records.open(str(dataset))

    assert len(first_examples(records, records.validation, 100)) == 12


def test_spread_examples_reach_from_the_beginning_to_the_end(dataset):
    records = Records.open(str(dataset))
    all_names = [
        name for batch in read_examples(records, records.validation, batch_size=12) for name in batch.names
    ]

    spread = spread_examples(records, records.validation, 4)

    assert list(spread.names) == all_names[::3]


def test_choose_golden_takes_the_classes_in_turn(dataset):
    records = Records.open(str(dataset))

    chosen = choose_golden(records, records.train)

    assert chosen.targets.tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
    assert len(set(chosen.names)) == 8


def test_choose_golden_reads_on_until_every_class_had_its_turn(make_dataset):
    # The first of two shards has the even classes only, and more records than are read at a time.
    kinds = [f"kind {number:02d}" for number in range(40)]
    records = Records.open(str(make_dataset(train=80, labels=kinds)))

    assert choose_golden(records, records.train).targets.tolist() == list(range(8))


def test_choose_golden_of_fewer_records_takes_all(make_dataset):
    records = Records.open(str(make_dataset(validation=3)))

    assert len(choose_golden(records, records.validation)) == 3


def test_golden_requests_encode_bytes_as_a_server_does():
    examples = Examples(
        inputs={"image_bytes": np.array([b"\xff"], object), "zone": np.array([b"7"], object)},
        targets=np.array([2.5], np.float32),
        names=(),
    )
    outputs = {
        "crop_bytes": np.array([b"text"], object),
        "score": np.array([0.8], np.float32),
        "text": np.array([[b"a"]], object),
    }

    (request,) = golden_requests(examples, outputs)

    assert request.instance == {"image_bytes": {"b64": "/w=="}, "zone": "7"}
    assert request.prediction == {"crop_bytes": {"b64": "dGV4dA=="}, "score": 0.8, "text": ["a"]}
    assert (request.label, request.filename) == (2.5, "")


def test_choose_golden_makes_a_picture_smaller_that_is_too_large_for_a_request(dataset, monkeypatch):
    records = Records.open(str(dataset))
    whole = choose_golden(records, records.train)
    limit = max(len(file) for file in whole.inputs["image_bytes"]) - 1
    monkeypatch.setattr(trainer.examples, "_IMAGE_BYTES", limit)
    monkeypatch.setattr(trainer.examples, "_REDUCED_SIDE", 64)

    chosen = choose_golden(records, records.train)

    sizes = [len(file) for file in chosen.inputs["image_bytes"]]
    assert max(sizes) <= limit
    assert chosen.names == whole.names
    kept = [
        old
        for old, new in zip(*(one.inputs["image_bytes"] for one in (whole, chosen)), strict=True)
        if old == new
    ]
    assert 0 < len(kept) < len(whole)
