"""Accounting: whatever lies in a source is a record, a duplicate, rejected or ignored, by file and by row.

`ACCOUNTED_FOLDERS=100` makes more of them.
"""

from __future__ import annotations

import io
import json
import os
import random
from collections import Counter
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from PIL import Image

from contract import CsvFormat, DataContract, category, class_label, image_features, number
from contract.artifacts import RejectedRecord
from contract.raw_data import IgnoredFile
from preprocessing.errors import ConversionError
from preprocessing.formats import FORMATS, Conversion
from preprocessing.output import OutputFolder
from preprocessing.pipeline import convert

FOLDERS = int(os.environ.get("ACCOUNTED_FOLDERS", "16"))
PETS = DataContract(
    name="pets",
    record_format="image",
    features=image_features(("cat", "dog")),
    max_rejected_fraction=1,
)
PEOPLE = DataContract(
    name="people",
    record_format="csv",
    csv=CsvFormat(),
    features=(
        number("age", minimum=0),
        category("city", default="?"),
        class_label("income", ("low", "high")),
    ),
    max_rejected_fraction=1,
)
HIDDEN = (
    "cat/.x/1.jpg",
    ".git/config",
    "@eaDir/2.jpg",
    "dog/Thumbs.db",
    "__MACOSX/cat/._1.jpg",
    "a/desktop.ini",
)
DOCUMENTS = ("README.md", "LICENSE", "cat/readme.txt")
BAD_ROWS = ("x,Bonn,low", "1,Bonn", '1,"Bonn,low', "-1,Bonn,low", "1,Bonn,middle", "", "1,Bo\0nn,low")
LOOKALIKES = ("license_plates", "readme_events", "README-2024")


def picture(seed: int, image_format: str = "JPEG") -> bytes:
    encoded = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(encoded, image_format)
    return encoded.getvalue()


PICTURES = [picture(seed) for seed in range(8)] + [picture(9, "PNG")]


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def pictures(folder: Path, draw: random.Random) -> None:
    """Good, damaged, hidden, linked and misnamed files below labels and beside them."""
    for index in range(draw.randrange(1, 8)):
        label = draw.choice(("cat", "dog", "dog/old", "bird"))
        good = draw.choice(PICTURES) + bytes(draw.randrange(3))
        damaged = draw.choice(
            (b"", good[: len(good) // 2], b"GIF89a" + bytes(20), b"text", good[:40] + bytes(400) + good[440:])
        )
        content = good if draw.random() < 0.7 else damaged
        name = draw.choice((f"{index}.jpg", f"{index}.png", f"{index}", f"größe {index}.JPG"))
        write(folder / label / name, content)
    for name in (*HIDDEN, *DOCUMENTS, "beside.jpg"):
        if draw.random() < 0.3:
            write(folder / name, PICTURES[0])
    (folder / "cat").mkdir(exist_ok=True)
    if draw.random() < 0.3:
        (folder / "cat" / "loop").symlink_to(folder)
    if draw.random() < 0.3:
        (folder / "cat" / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    if draw.random() < 0.3:
        write(folder.with_name(f"{folder.name}-elsewhere") / "1.jpg", PICTURES[1])
        (folder / "dog").mkdir(exist_ok=True)
        (folder / "dog" / "linked").symlink_to(folder.with_name(f"{folder.name}-elsewhere"))


def table(path: Path, draw: random.Random) -> None:
    lines = ["age,city,income"]
    for _ in range(draw.randrange(1, 30)):
        good = f"{draw.randrange(99)},{draw.choice(('Bonn', 'Köln', '?', ''))},{draw.choice(('low', 'high'))}"
        bad = draw.choice(
            ("x,Bonn,low", "1,Bonn", '1,"Bonn,low', "-1,Bonn,low", "1,Bonn,middle", "", "1,Bo\0nn,low")
        )
        lines.append(good if draw.random() < 0.8 else bad)
    write(path, ("\n".join(lines) + "\n").encode())


def tables(folder: Path, draw: random.Random) -> None:
    for index in range(draw.randrange(1, 4)):
        table(
            folder
            / draw.choice((f"{index}.csv", f"deep/{index}.csv", f"{draw.choice(LOOKALIKES)}{index}.csv")),
            draw,
        )
    for name in (*HIDDEN, *DOCUMENTS, "made.json"):
        if draw.random() < 0.3:
            write(folder / name, b"about")
    if draw.random() < 0.3:
        (folder / "loop").symlink_to(folder)


def converted(contract: DataContract, source: Path, output: Path) -> dict[str, int | dict[str, int]] | None:
    """The statistics of a conversion; None where not one record could be made."""
    conversion = Conversion(
        contract=contract,
        source=FORMATS[contract.record_format].source(str(source), contract),
        output=OutputFolder(uri=str(output), dataset=contract.name),
        num_shards=1,
    )
    try:
        with beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as pipeline:
            convert(pipeline, conversion)
    except ConversionError:
        return None
    statistics: dict[str, int | dict[str, int]] = json.loads((output / "statistics.json").read_text())
    return statistics


def reachable(folder: Path) -> set[str]:
    """Paths of the files below a folder, links followed without loops."""
    found = set()

    def walk(path: Path, chain: tuple[Path, ...]) -> None:
        for entry in path.iterdir():
            if entry.is_dir():
                real = entry.resolve()
                is_loop = entry.is_symlink() and any(
                    one.is_relative_to(real) for one in (*chain, path.resolve())
                )
                if not is_loop:
                    walk(entry, (*chain, path.resolve(), real))
            else:
                found.add(str(entry))

    walk(folder, ())
    return found


def listed(output: Path) -> tuple[list[RejectedRecord], list[IgnoredFile]]:
    rejected, ignored = ((output / kind.FILENAME).read_text() for kind in (RejectedRecord, IgnoredFile))
    return RejectedRecord.from_text(rejected), IgnoredFile.from_text(ignored)


@pytest.mark.parametrize("part", range(2))
def test_every_file_of_a_folder_of_pictures_is_accounted_for(tmp_path: Path, part: int) -> None:
    checked = 0
    for seed in range(part, FOLDERS, 2):
        folder, output = tmp_path / f"source{seed}", tmp_path / f"output{seed}"
        folder.mkdir()
        pictures(folder, random.Random(seed))
        statistics = converted(PETS, folder, output)
        if statistics is None:
            continue
        rejected, ignored = listed(output)
        records = statistics["records"]
        assert isinstance(records, dict)
        there = reachable(folder)
        named = Counter(item.uri for item in (*rejected, *ignored))
        assert set(named) <= there
        assert max(named.values(), default=1) == 1
        assert sum(records.values()) + statistics["duplicates"] + len(named) == len(there)  # type: ignore[operator]
        assert statistics["read"] == len(there) - len(ignored)
        checked += 1
    assert checked > FOLDERS // 4


@pytest.mark.parametrize("part", range(2))
def test_every_file_and_row_of_a_folder_of_tables_is_accounted_for(tmp_path: Path, part: int) -> None:
    checked = 0
    for seed in range(part, FOLDERS, 2):
        folder, output = tmp_path / f"source{seed}", tmp_path / f"output{seed}"
        folder.mkdir()
        tables(folder, random.Random(seed))
        statistics = converted(PEOPLE, folder, output)
        if statistics is None:
            continue
        rejected, ignored = listed(output)
        records = statistics["records"]
        assert isinstance(records, dict)
        data = reachable(folder) - {item.uri for item in ignored}
        assert all(name.endswith(".csv") for name in data)
        assert sum(records.values()) + len(rejected) == statistics["read"] == sum(map(rows_of, data))
        assert {item.uri.rpartition(":")[0] for item in rejected} <= data
        checked += 1
    assert checked > FOLDERS // 4


def rows_of(name: str) -> int:
    """Lines of a table after its header that are not empty: here no row has two."""
    return sum(1 for line in Path(name).read_bytes().split(b"\n")[1:] if line.strip())
