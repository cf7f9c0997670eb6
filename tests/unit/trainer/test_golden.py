"""Which records the golden requests are made of."""

from __future__ import annotations

from trainer.golden import choose_golden
from trainer.records import Records


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
