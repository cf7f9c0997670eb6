"""Throughput of images to TFRecords, against copying their bytes and a plain Beam pipeline, in one run.

    python benchmarks/conversion.py
    python benchmarks/conversion.py --images 3000 --rounds 1

Every side is a process of its own over the same warm files, timed from after its imports until its
output is written; the best of the rounds counts. The plain pipeline (read, decode in TensorFlow,
`WriteToTFRecord`) takes a slice of the images, since images per second are compared.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from own_process import Figures, faster, measure, report

SEED = 7
LABELS = 20
PHOTO = (500, 375)
DISTINCT_PHOTOS = 100
SOURCE_IMAGES = 1500
LIMIT_MEMORY_MB = 500


def make_photos(folder: Path, images: int) -> int:
    """Write seeded JPEGs of about 43 KB into a folder per label, and `all.csv` beside them.

    A hundred pictures are rendered; a comment of random length and content makes every file another one.

    Returns:
        Their bytes.
    """
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(SEED)
    rendered = []
    for _ in range(DISTINCT_PHOTOS):
        shapes = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        smooth = np.asarray(shapes.resize(PHOTO, Image.Resampling.BICUBIC), dtype=np.float64)
        noisy = np.clip(smooth + rng.normal(0, 12, smooth.shape), 0, 255).astype(np.uint8)
        encoded = io.BytesIO()
        Image.fromarray(noisy).save(encoded, "JPEG", quality=int(rng.integers(72, 82)))
        rendered.append(encoded.getvalue())
    for index in range(LABELS):
        (folder / f"label{index:02}").mkdir(parents=True)
    total = 0
    with (folder / "all.csv").open("w", newline="") as lines:
        rows = csv.writer(lines)
        for number in range(images):
            comment = rng.bytes(int(rng.integers(16, 4000)))
            photo = rendered[int(rng.integers(DISTINCT_PHOTOS))]
            segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
            label = f"label{number % LABELS:02}"
            path = folder / label / f"{number:06}.jpg"
            path.write_bytes(photo[:2] + segment + photo[2:])
            rows.writerow([path, label])
            total += path.stat().st_size
    return total


def photo_rows(data: Path) -> list[tuple[str, str]]:
    """Return the path and the label of each photo."""
    with (data / "all.csv").open(newline="") as lines:
        return [(path, label) for path, label in csv.reader(lines)]


def copy_bytes(data: Path, output: Path, images: int) -> Callable[[], None]:
    """Return the limit: nothing but reading every file and writing its bytes."""
    paths = [path for path, _ in photo_rows(data)[:images]]

    def run() -> None:
        with (output / "bytes").open("wb") as copy:
            for path in paths:
                copy.write(Path(path).read_bytes())

    return run


def perennial(data: Path, output: Path, images: int) -> Callable[[], None]:
    """Return the conversion of this project, as its command line runs it."""
    from contract import DatasetStatistics
    from preprocessing.main import parse_arguments, run

    labels = ",".join(f"label{label:02}" for label in range(LABELS))
    flags = ["--source", str(data), "--output-dir", str(output / "tfrecord"), "--dataset", "photos"]
    arguments = parse_arguments([*flags, "--labels", labels])

    def convert() -> None:
        run(arguments)
        text = (output / "tfrecord" / DatasetStatistics.FILENAME).read_text()
        records = DatasetStatistics.from_text(text).records
        if sum(records.values()) != images:
            raise RuntimeError(f"expected {images} records, received {records}")

    return convert


def source_way(data: Path, output: Path, images: int) -> Callable[[], None]:
    """Return the pipeline of the course that this project rebuilds, on today's Beam and TensorFlow."""
    import apache_beam as beam
    import tensorflow as tf
    from apache_beam.options.pipeline_options import PipelineOptions

    some = output / "some.csv"
    some.write_text("".join(f"{path},{label}\n" for path, label in photo_rows(data)[:images]))

    def to_example(line: str) -> bytes:
        path, label = line.split(",")
        encoded = tf.io.gfile.GFile(path, "rb").read()
        pixels = tf.io.decode_jpeg(encoded, channels=3)

        def text(value: bytes) -> Any:
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

        def integer(value: int) -> Any:
            return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

        features = {
            "image/height": integer(pixels.shape[0]),
            "image/width": integer(pixels.shape[1]),
            "image/colorspace": text(b"RGB"),
            "image/channels": integer(3),
            "image/class/label": integer(int(label.removeprefix("label")) + 1),
            "image/class/synset": text(label.encode()),
            "image/format": text(b"JPEG"),
            "image/filename": text(Path(path).name.encode()),
            "image/encoded": text(encoded),
        }
        record: bytes = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
        return record

    def run() -> None:
        with beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as pipeline:
            lines = pipeline | beam.io.ReadFromText(str(some))
            examples = lines | beam.Map(to_example)
            _ = examples | beam.io.WriteToTFRecord(str(output / "train"), num_shards=8)

    return run


SIDES = {"copy": copy_bytes, "perennial": perennial, "source": source_way}


def run_side(side: str, data: Path, images: int) -> None:
    """Time one side in this process and print the figures."""
    with tempfile.TemporaryDirectory(dir=data.parent) as output:
        report(SIDES[side](data, Path(output), images), items=images)


def main() -> None:
    """Measure all sides and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=15_000)
    parser.add_argument("--source-images", type=int, default=SOURCE_IMAGES, help="images of the source's way")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.side:
        run_side(flags.side, flags.data, flags.images)
        return
    folder = Path(tempfile.mkdtemp(prefix="conversion-"))
    try:
        data = folder / "photos"
        print(f"making {flags.images} JPEGs ...", flush=True)
        kilobytes = make_photos(data, flags.images) / flags.images / 1000
        print(f"{flags.images} JPEGs of {kilobytes:.1f} KB, {flags.rounds} rounds\n", flush=True)
        best: dict[str, Figures] = {}
        for number in range(flags.rounds):
            for side in SIDES:
                images = min(flags.images, flags.source_images) if side == "source" else flags.images
                of_side = ["--side", side, "--data", str(data)]
                figures = measure(__file__, [*of_side, "--images", str(images)])
                print(f"round {number + 1}: {side:10}{figures.per_second:10,.0f} images/s"
                      f"{figures.peak_mb:8,.0f} MB", flush=True)  # fmt: skip
                best[side] = faster(best.get(side), figures)
    finally:
        shutil.rmtree(folder)
    to_source, to_copy = (best["perennial"].per_second / best[side].per_second for side in ("source", "copy"))
    print(f"\nthe source's way times  {to_source:6.1f}   (at least 10)")
    print(f"copying the bytes times {to_copy:6.2f}   (at least 0.5)")
    print(f"memory                  {best['perennial'].peak_mb:6.0f} MB (under {LIMIT_MEMORY_MB})")
    print(json.dumps({"to_source": round(to_source, 2), "to_copy": round(to_copy, 2)}))


if __name__ == "__main__":
    main()
