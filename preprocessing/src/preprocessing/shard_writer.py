"""Reads, checks, encodes and writes one shard of each split, in one pass and in little memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import BinaryIO

from preprocessing.contents import Content, distinct_contents
from preprocessing.conversion import Conversion
from preprocessing.examples import ExampleEncoder
from preprocessing.images import CheckedImage, check_image, record_values
from preprocessing.output import SPLITS
from preprocessing.raw_files import RawFile
from preprocessing.rejections import Reason, Rejected, RejectedError
from preprocessing.shards import in_record_order
from preprocessing.stores import open_store
from preprocessing.summaries import Range, ShardFile, ShardSummary
from preprocessing.tfrecord import write_record

_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True)
class _Tally:
    """Counts while a shard is being written."""

    duplicates: list[int] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    labels: dict[str, Counter[str]] = field(default_factory=lambda: {split: Counter() for split in SPLITS})
    bytes: Counter[str] = field(default_factory=Counter)
    converted: Counter[str] = field(default_factory=Counter)
    heights: list[int] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)

    def reject(self, files: Iterable[RawFile], reason: Reason, detail: str) -> None:
        self.rejected.extend(Rejected(file.uri, reason, detail) for file in files)

    def count(self, content: Content, image: CheckedImage, *, split: str, record_bytes: int) -> None:
        self.duplicates.append(len(content.files) - 1)
        self.labels[split][content.files[0].label] += 1
        self.bytes[split] += record_bytes
        if image.converted:
            self.converted[image.converted] += 1
        self.heights.append(image.height)
        self.widths.append(image.width)


def write_shard(
    shard: int, files: Iterable[RawFile], *, conversion: Conversion, num_shards: int
) -> ShardSummary:
    """Write shard `shard` of each split; the same files always give the same bytes.

    Args:
        shard: its number, from 0.
        files: the raw files that belong to it, in any order.
        conversion: how, and where to.
        num_shards: how many shards there are.

    Returns:
        What came of it.

    Raises:
        OutputError: the dataset is committed with other bytes.
    """
    ordered = in_record_order(files)
    tally = _Tally()
    output = conversion.output
    with ExitStack() as stack:
        names = {split: output.shard_name(split, shard, num_shards) for split in SPLITS}
        paths = {split: stack.enter_context(output.scratch(name)) for split, name in names.items()}
        with ExitStack() as opened:
            writers: dict[str, BinaryIO] = {
                split: opened.enter_context(path.open("wb", _BUFFER_BYTES)) for split, path in paths.items()
            }
            _write_records(_readable(ordered, conversion, tally), conversion, writers, tally)
        for split, path in paths.items():
            output.publish(path, names[split])
    return ShardSummary(
        shard=shard,
        files={
            split: ShardFile(tally.labels[split].total(), tally.bytes[split]) for split in SPLITS
        },
        read=len(ordered),
        duplicates=sum(tally.duplicates),
        rejected=tuple(tally.rejected),
        labels={split: dict(counts) for split, counts in tally.labels.items()},
        converted=dict(tally.converted),
        height=Range.of(tally.heights),
        width=Range.of(tally.widths),
    )  # fmt: skip


def _readable(files: list[RawFile], conversion: Conversion, tally: _Tally) -> list[RawFile]:
    """The files worth reading."""
    known = frozenset(conversion.contract.label.vocabulary)
    worth_it = []
    for file in files:
        if file.label not in known:
            tally.reject([file], "unknown_label", f"label {file.label!r} is not in the contract")
        elif not file.size:
            tally.reject([file], "empty", "0 bytes")
        else:
            worth_it.append(file)
    return worth_it


def _write_records(
    files: list[RawFile], conversion: Conversion, writers: dict[str, BinaryIO], tally: _Tally
) -> None:
    contract = conversion.contract
    encoder = ExampleEncoder(contract.features)
    store = open_store(conversion.source.uri)
    for content in distinct_contents(files, store):
        if isinstance(content, Rejected):
            tally.rejected.append(content)
            continue
        labels = sorted({file.label for file in content.files})
        if len(labels) > 1:
            names = ", ".join(file.name for file in content.files)
            tally.reject(
                content.files, "conflicting_labels", f"the same bytes as {' and '.join(labels)}: {names}"
            )
            continue
        try:
            image = check_image(content.data, strict=contract.strict)
        except RejectedError as error:
            tally.reject(content.files, error.reason, error.detail)
            continue
        first = content.files[0]
        record = encoder.encode(
            record_values(image, label=first.label, label_name=contract.label.name, filename=first.name)
        )
        split = contract.split.split_of(content.key)
        tally.count(content, image, split=split, record_bytes=write_record(writers[split], record))
