"""Reads, checks, encodes and writes the images of one shard."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from contract import TEST_SPLIT, DataContract
from preprocessing.examples import ExampleEncoder, Value
from preprocessing.idx.files import read_header, read_to_end, read_whole, skip
from preprocessing.idx.sources import IMAGE_DIMENSIONS, LABEL_DIMENSIONS, IdxSlice
from preprocessing.raw_streams import open_raw
from preprocessing.rejections import Rejected
from preprocessing.shard_files import ShardFiles
from preprocessing.tally import Tally

NAMES = (
    "image/encoded", "image/filename", "image/height", "image/width",
    "image/channels", "image/colorspace", "image/format",
)  # fmt: skip
"""What an image has a value for, apart from the label."""

_COMPRESSION = 6


def write_records(slices: Sequence[IdxSlice], shard: ShardFiles, *, contract: DataContract) -> Tally:
    """Write the images of a shard in the order of file names and images.

    Args:
        slices: what belongs to it, in any order.
        shard: takes the records.
        contract: what the records hold.

    Returns:
        What came of it.
    """
    tally = Tally()
    encoder = ExampleEncoder(contract.features)
    for piece in sorted(slices, key=lambda piece: (piece.name, piece.first)):
        _write_slice(piece, shard, contract=contract, encoder=encoder, tally=tally)
    return tally


def _write_slice(
    piece: IdxSlice, shard: ShardFiles, *, contract: DataContract, encoder: ExampleEncoder, tally: Tally
) -> None:
    known = frozenset(contract.label.vocabulary)
    is_test = contract.split.is_test_file(piece.name)
    with open_raw(piece.uri) as images, open_raw(piece.labels_uri) as labels:
        header = read_header(images, dimensions=IMAGE_DIMENSIONS)
        _, height, width = header.shape
        label_count = read_header(labels, dimensions=LABEL_DIMENSIONS).count
        paired = max(0, min(min(header.count, label_count) - piece.first, piece.count))
        _reject_unpaired(tally, piece, paired)
        skip(images, piece.first * header.item_bytes)
        skip(labels, piece.first)
        for index in range(paired):
            pixels = read_whole(images, header.item_bytes, what=f"image {piece.first + index}")
            label = read_whole(labels, 1, what=f"label {piece.first + index}")
            tally.read += 1
            word, name = str(label[0]), f"{piece.name}:{piece.first + index}"
            if word not in known:
                uri = f"{piece.uri}:{piece.first + index}"
                tally.rejections.add(Rejected(uri, "unknown_label", f"label {word!r} is not in the contract"))
                continue
            image = Image.frombytes("L", (width, height), pixels)
            record = encoder.encode(
                record_values(image, label=word, label_name=contract.label.name, filename=name)
            )
            split = TEST_SPLIT if is_test else contract.split.split_of(pixels)
            shard.write(split, [record])
            tally.count_label(split, word)
            tally.heights[height] += 1
            tally.widths[width] += 1
        if piece.first + piece.count >= max(header.count, label_count):
            read_to_end(images)
            read_to_end(labels)


def _reject_unpaired(tally: Tally, piece: IdxSlice, first: int) -> None:
    """Count the images of a slice from `first` on; the uri names the first of them."""
    times, detail = piece.count - first, "the files of images and of labels differ in length"
    if times:
        tally.read += times
        more = f" (and {times - 1} more after it)" if times > 1 else ""
        tally.rejections.add(
            Rejected(f"{piece.uri}:{piece.first + first}", "unpaired", detail + more), times=times
        )


def record_values(image: Image.Image, *, label: str, label_name: str, filename: str) -> dict[str, Value]:
    """The ImageNet keys and values of a greyscale image, stored without loss."""
    encoded = io.BytesIO()
    image.save(encoded, "PNG", compress_level=_COMPRESSION)
    return {
        "image/encoded": encoded.getvalue(),
        "image/height": image.height,
        "image/width": image.width,
        "image/filename": filename,
        "image/channels": 1,
        "image/colorspace": "Grayscale",
        "image/format": "PNG",
        label_name: label,
    }
