"""Labelled JPEG and PNG files as a format: read, validate, deduplicate and write the images of a shard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from contract import TEST_SPLIT, TRAIN_SPLIT, VALIDATION_SPLIT, DataContract
from contract.artifacts import RejectedRecord
from preprocessing.conversion_stats import ShardStats
from preprocessing.errors import InvalidRecordError, Reason
from preprocessing.example_serialization import ExampleEncoder, Value, check_features
from preprocessing.images import ImageStats, RawImage, in_record_order
from preprocessing.images.deduplication import DistinctImage, deduplicate
from preprocessing.images.sources import image_source
from preprocessing.images.validation import ValidImage, validate_image
from preprocessing.output import ShardFiles
from preprocessing.sources import Source
from preprocessing.stores import open_store

ENCODED = "image/encoded"
HEIGHT = "image/height"
WIDTH = "image/width"
SYNSET = "image/class/synset"
FILENAME = "image/filename"
CHANNELS = "image/channels"
COLORSPACE = "image/colorspace"
FORMAT = "image/format"

FEATURES = (ENCODED, HEIGHT, WIDTH, SYNSET, FILENAME, CHANNELS, COLORSPACE, FORMAT)
"""Features that an image has a value for, apart from the label."""


@dataclass(frozen=True)
class ImageFormat:
    """A folder per label, or an image list: a record for each image."""

    shard_bytes: int = 64 << 20
    unit: str = "files"

    def check(self, contract: DataContract) -> None:
        """Refuse features that an image does not have.

        Raises:
            ContractError: there is one, or the label has no vocabulary.
        """
        check_features(contract, names=FEATURES)

    def source(self, uri: str, contract: DataContract) -> Source:
        """Return the images at a path or `gs://` URI."""
        return image_source(uri, contract)

    def write_records(
        self,
        chunks: Sequence[RawImage],
        files: ShardFiles,
        *,
        contract: DataContract,
        source: Source,
        num_shards: int,  # noqa: ARG002 - a shard of images depends on no other
    ) -> ShardStats:
        """Write the images of a shard, those with the same bytes once."""
        stats = ShardStats(read=len(chunks), features=ImageStats())
        encoder = ExampleEncoder(contract.features)
        usable = _usable(in_record_order(chunks), contract, stats)
        for image in deduplicate(usable, open_store(source.uri)):
            if isinstance(image, RejectedRecord):
                stats.rejected.add(image)
                continue
            try:
                _check_labels(image)
                valid = validate_image(image.data, strict=contract.strict)
            except InvalidRecordError as error:
                _reject(stats, image.files, error.reason, error.detail)
                continue
            first = image.files[0]
            record = encoder.encode(
                record_values(valid, label=first.label, label_name=contract.label.name, filename=first.name)
            )
            split = _split_of(image, contract)
            files.write(split, [record])
            _count(stats, image, valid, split=split)
        return stats

    def merge_statistics(self, shards: Sequence[ImageStats]) -> dict[str, Any]:
        """Return the image sizes of all shards."""
        return ImageStats.merge(shards)


def record_values(image: ValidImage, *, label: str, label_name: str, filename: str) -> dict[str, Value]:
    """Return the classic ImageNet keys and values.

    Args:
        image: content of the file.
        label: its label, as text.
        label_name: name of the feature that holds the label.
        filename: its path in the source.
    """
    return {
        ENCODED: image.encoded,
        HEIGHT: image.height,
        WIDTH: image.width,
        SYNSET: label,
        FILENAME: filename,
        CHANNELS: 3,
        COLORSPACE: "RGB",
        FORMAT: image.format,
        label_name: label,
    }


def _usable(files: list[RawImage], contract: DataContract, stats: ShardStats) -> list[RawImage]:
    """Return the files that have a known label and any bytes; reject the others unread."""
    known = frozenset(contract.label.vocabulary)
    usable = []
    for file in files:
        if file.label not in known:
            _reject(stats, [file], "unknown_label", f"label {file.label!r} is not in the contract")
        elif not file.size:
            _reject(stats, [file], "empty", "0 bytes")
        else:
            usable.append(file)
    return usable


def _check_labels(image: DistinctImage) -> None:
    """Refuse the same bytes under different labels.

    Raises:
        InvalidRecordError: naming the labels and the files.
    """
    labels = sorted({file.label for file in image.files})
    if len(labels) > 1:
        names = ", ".join(file.name for file in image.files)
        raise InvalidRecordError("conflicting_labels", f"the same bytes as {' and '.join(labels)}: {names}")


def _split_of(image: DistinctImage, contract: DataContract) -> str:
    """Return `test` or `validation` if one of the files is such data: a model must not be trained on it."""
    of_files = {contract.split.split_of_file(file.name) for file in image.files}
    for split in (TEST_SPLIT, VALIDATION_SPLIT, TRAIN_SPLIT):
        if split in of_files:
            return split
    return contract.split.split_of(image.key)


def _reject(stats: ShardStats, files: Iterable[RawImage], reason: Reason, detail: str) -> None:
    for file in files:
        stats.rejected.add(RejectedRecord(file.uri, reason, detail))


def _count(stats: ShardStats, image: DistinctImage, valid: ValidImage, *, split: str) -> None:
    stats.duplicates += len(image.files) - 1
    stats.count_label(split, image.files[0].label)
    stats.features.add(height=valid.height, width=valid.width)
    if valid.converted:
        stats.converted[valid.converted] += 1
