"""Throughput of CSV rows to TFRecords, against a plain loop, and growth of memory with the rows, in one run.

    python benchmarks/csv_conversion.py
    python benchmarks/csv_conversion.py --rows 200000 --rounds 1

The plain loop is the obvious program: `csv.reader`, `tf.train.Example`, `TFRecordWriter`. It checks
nothing, splits nothing and keeps no statistics. Every side is a process of its own over the same warm file,
timed from after its imports until its output is written; the best of the rounds counts. Two tables are
converted: one of categories and small numbers, as in a census, and one of numbers that are all distinct, as
in taxi trips.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from own_process import Figures, faster, measure, report

SEED = 7
LEAST_RATIO = 8.0
MOST_GROWTH = 1.5

CATEGORIES = {
    "workclass": 9,
    "education": 16,
    "marital_status": 7,
    "occupation": 15,
    "relationship": 6,
    "race": 5,
    "gender": 2,
    "native_country": 42,
}
NUMBERS = {"age": (17, 90), "education_num": (1, 16), "capital_gain": (0, 99999), "hours_per_week": (1, 99)}
LABELS = ("<=50K", ">50K")
PLACES = ("pickup_longitude", "pickup_latitude", "dropoff_longitude", "dropoff_latitude")


def census_rows(rows: int) -> Iterator[list[object]]:
    """Yield twelve columns of few values each, and the label."""
    draw = random.Random(SEED)
    categories = {
        name: [f"{name.title()}-{index}" for index in range(size)] for name, size in CATEGORIES.items()
    }
    for _ in range(rows):
        chosen = [draw.choice(choices) for choices in categories.values()]
        numbers = [draw.randint(low, high) for low, high in NUMBERS.values()]
        yield [*numbers, *chosen, draw.choice(LABELS)]


def taxi_rows(rows: int) -> Iterator[list[object]]:
    """Yield a fare, four coordinates that hardly ever repeat, a count, and a key."""
    draw = random.Random(SEED)
    for key in range(rows):
        places = [draw.gauss(centre, 0.05) for centre in (-73.97, 40.75, -73.97, 40.75)]
        yield [draw.randint(5, 120) / 2, *places, draw.randint(1, 6), key]


TABLES = {"census": census_rows, "taxi": taxi_rows}
CENSUS_COLUMNS = (*NUMBERS, *CATEGORIES, "income_bracket")
TAXI_COLUMNS = ("fare_amount", *PLACES, "passengers", "key")
COLUMNS = {"census": CENSUS_COLUMNS, "taxi": TAXI_COLUMNS}


def perennial(table: str, source: Path, output: Path, rows: int) -> Callable[[], None]:
    """Return the conversion of this project, as its command line runs it."""
    from contract import (
        FEATURES_FILENAME,
        CsvFormat,
        DataContract,
        DatasetStatistics,
        category,
        class_label,
        key,
        number,
        target,
    )
    from preprocessing.main import parse_arguments, run

    features = {
        "census": (
            *(number(name, minimum=low, maximum=high) for name, (low, high) in NUMBERS.items()),
            *(category(name, default="?") for name in CATEGORIES),
            class_label("income_bracket", LABELS),
        ),
        "taxi": (target("fare_amount"), *map(number, PLACES), number("passengers"), key("key")),
    }
    contract = DataContract(
        name=table, record_format="csv", features=features[table], csv=CsvFormat(columns=COLUMNS[table])
    )
    file = output / FEATURES_FILENAME
    file.write_text(contract.to_features_json())
    folder = output / "tfrecord"
    arguments = parse_arguments(
        ["--source", str(source), "--output-dir", str(folder), "--contract", str(file)]
    )

    def convert() -> None:
        run(arguments)
        records = DatasetStatistics.from_text((folder / DatasetStatistics.FILENAME).read_text()).records
        if sum(records.values()) != rows:
            raise RuntimeError(f"expected {rows} records, received {records}")

    return convert


def plain_loop(table: str, source: Path, output: Path, rows: int) -> Callable[[], None]:
    """Return the obvious loop."""
    import tensorflow as tf

    def text(value: str) -> object:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))

    def real(value: str) -> object:
        return tf.train.Feature(float_list=tf.train.FloatList(value=[float(value)]))

    def label(value: str) -> object:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[LABELS.index(value)]))

    names = COLUMNS[table]
    makers = [text if name in CATEGORIES or name == "key" else real for name in names]
    if table == "census":
        makers[-1] = label

    def run() -> None:
        written = 0
        with source.open(newline="") as lines, tf.io.TFRecordWriter(str(output / "train")) as writer:
            for row in csv.reader(lines):
                feature = {name: make(value) for name, make, value in zip(names, makers, row, strict=True)}
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                writer.write(example.SerializeToString())
                written += 1
        if written != rows:
            raise RuntimeError(f"expected {rows} records, received {written}")

    return run


SIDES = {"perennial": perennial, "plain": plain_loop}


def run_side(side: str, table: str, source: Path, rows: int) -> None:
    """Time one side in this process and print the figures."""
    with tempfile.TemporaryDirectory(dir=source.parent) as output:
        report(SIDES[side](table, source, Path(output), rows), items=rows)


def main() -> None:
    """Measure both sides on both tables, with all rows and a tenth of them, and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--table", choices=TABLES, help=argparse.SUPPRESS)
    parser.add_argument("--source", type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.side:
        run_side(flags.side, flags.table, flags.source, flags.rows)
        return
    folder = Path(tempfile.mkdtemp(prefix="csv-conversion-"))
    best: dict[tuple[str, str, int], Figures] = {}
    try:
        for table, make in TABLES.items():
            for rows in (flags.rows // 10, flags.rows):
                source = folder / f"{table}-{rows}.csv"
                with source.open("w", newline="") as lines:
                    csv.writer(lines).writerows(make(rows))
                print(f"{table}: {rows:,} rows, {source.stat().st_size / 1e6:.1f} MB", flush=True)
                for number in range(flags.rounds):
                    for side in SIDES:
                        of_side = ["--side", side, "--table", table, "--source", str(source)]
                        figures = measure(__file__, [*of_side, "--rows", str(rows)])
                        print(f"  round {number + 1}: {side:10}{figures.per_second:10,.0f} rows/s"
                              f"{figures.peak_mb:8,.0f} MB", flush=True)  # fmt: skip
                        key = table, side, rows
                        best[key] = faster(best.get(key), figures)
                source.unlink()
    finally:
        shutil.rmtree(folder)
    ratios: dict[str, float] = {}
    for table in TABLES:
        ours, plain = (best[table, side, flags.rows] for side in ("perennial", "plain"))
        few = best[table, "perennial", flags.rows // 10]
        ratio = ours.per_second / plain.per_second
        growth = ours.peak_mb / few.peak_mb
        print(f"\n{table}: the plain loop times   {ratio:6.1f}   (at least {LEAST_RATIO:.0f})")
        print(f"{table}: memory, rows tenfold   {growth:6.2f}   (at most {MOST_GROWTH})")
        ratios |= {f"{table}_to_plain_loop": round(ratio, 2), f"{table}_memory_growth": round(growth, 2)}
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()
