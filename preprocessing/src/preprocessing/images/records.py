"""Reads, checks, encodes and writes the images of one shard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from contract import TEST_SPLIT, DataContract
from preprocessing.examples import ExampleEncoder
from preprocessing.images.checking import CheckedImage, check_image, record_values
from preprocessing.images.contents import Content, distinct_contents
from preprocessing.images.raw_files import RawFile, in_record_order
from preprocessing.rejections import Reason, Rejected, RejectedError
from preprocessing.shard_files import ShardFiles
from preprocessing.sources import Source
from preprocessing.stores import open_store
from preprocessing.tally import Tally


def write_records(
    files: Sequence[RawFile], shard: ShardFiles, *, contract: DataContract, source: Source
) -> Tally:
    """Write the images of a shard, those with the same bytes once.

    Args:
        files: the raw files that belong to it, in any order.
        shard: takes the records.
        contract: what the records hold.
        source: where the files are from.

    Returns:
        What came of it.
    """
    tally = Tally(read=len(files))
    encoder = ExampleEncoder(contract.features)
    worth_it = _readable(in_record_order(files), contract, tally)
    for content in distinct_contents(worth_it, open_store(source.uri)):
        if isinstance(content, Rejected):
            tally.rejections.add(content)
            continue
        labels = sorted({file.label for file in content.files})
        if len(labels) > 1:
            names = ", ".join(file.name for file in content.files)
            _reject(
                tally,
                content.files,
                "conflicting_labels",
                f"the same bytes as {' and '.join(labels)}: {names}",
            )
            continue
        try:
            image = check_image(content.data, strict=contract.strict)
        except RejectedError as error:
            _reject(tally, content.files, error.reason, error.detail)
            continue
        first = content.files[0]
        record = encoder.encode(
            record_values(image, label=first.label, label_name=contract.label.name, filename=first.name)
        )
        split = _split_of(content, contract)
        shard.write(split, [record])
        _count(tally, content, image, split=split)
    return tally


def _split_of(content: Content, contract: DataContract) -> str:
    """Reported on if one of the files is: otherwise a model could be trained on what it is reported on."""
    if any(contract.split.is_test_file(file.name) for file in content.files):
        return TEST_SPLIT
    return contract.split.split_of(content.key)


def _readable(files: list[RawFile], contract: DataContract, tally: Tally) -> list[RawFile]:
    """The files worth reading."""
    known = frozenset(contract.label.vocabulary)
    worth_it = []
    for file in files:
        if file.label not in known:
            _reject(tally, [file], "unknown_label", f"label {file.label!r} is not in the contract")
        elif not file.size:
            _reject(tally, [file], "empty", "0 bytes")
        else:
            worth_it.append(file)
    return worth_it


def _reject(tally: Tally, files: Iterable[RawFile], reason: Reason, detail: str) -> None:
    for file in files:
        tally.rejections.add(Rejected(file.uri, reason, detail))


def _count(tally: Tally, content: Content, image: CheckedImage, *, split: str) -> None:
    tally.duplicates += len(content.files) - 1
    tally.count_label(split, content.files[0].label)
    tally.heights[image.height] += 1
    tally.widths[image.width] += 1
    if image.converted:
        tally.converted[image.converted] += 1
