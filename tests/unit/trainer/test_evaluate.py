"""Records as a model is asked about them."""

from __future__ import annotations

from trainer.evaluate import examples, first_examples, spread_examples
from trainer.records import Records


def test_examples_count_labels_from_zero(dataset):
    records = Records.open(str(dataset))

    batches = list(examples(records, records.validation, batch_size=5))

    assert [len(batch) for batch in batches] == [5, 5, 2]
    assert {int(target) for batch in batches for target in batch.targets} == set(range(5))
    assert all(name.endswith(".jpg") for batch in batches for name in batch.names)


def test_first_examples_of_few_records_are_all(dataset):
    records = Records.open(str(dataset))

    assert len(first_examples(records, records.validation, 100)) == 12


def test_spread_examples_reach_from_the_beginning_to_the_end(dataset):
    records = Records.open(str(dataset))
    all_names = [
        name for batch in examples(records, records.validation, batch_size=12) for name in batch.names
    ]

    spread = spread_examples(records, records.validation, 4)

    assert list(spread.names) == all_names[::3]
