"""The texts that describe a converted dataset: `dataset_info.json`, `statistics.json`, `rejected.jsonl`."""

from __future__ import annotations

import json
from typing import Any

from contract import RECORD_FORMAT_VERSION, DataContract
from preprocessing.errors import TooManyRejectedError
from preprocessing.summaries import Summary
from preprocessing.tables.statistics import feature_statistics

REJECTED = "rejected/rejected.jsonl"
FILE_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"

_FIRST_EXAMPLES = 5
_READ = {"image": "files", "csv": "rows", "idx": "images"}


def dataset_info(contract: DataContract, summary: Summary) -> str:
    """The manifest of TensorFlow Datasets' folder format.

    64-bit integers are text, as in every JSON form of a protocol buffer.
    https://github.com/tensorflow/datasets/blob/master/tensorflow_datasets/core/proto/dataset_info.proto
    """
    splits = [
        {
            "name": split,
            "filepathTemplate": FILE_TEMPLATE,
            "shardLengths": [str(shard.files[split].records) for shard in summary.shards],
            "numBytes": str(sum(shard.files[split].bytes for shard in summary.shards)),
        }
        for split in contract.split.names
    ]
    document = {
        "name": contract.name,
        "version": RECORD_FORMAT_VERSION,
        "fileFormat": "tfrecord",
        "splits": splits,
    }
    return json.dumps(document, indent=2) + "\n"


def statistics(contract: DataContract, summary: Summary) -> str:
    """What was read, written, rejected and ignored, for reports; what features hold, for training."""
    document: dict[str, Any] = {
        "dataset": contract.name,
        "read": summary.read,
        "records": {split: summary.records(split) for split in contract.split.names},
        "rejected": summary.rejected_by_reason,
        "rejected_listed": len(summary.rejected),
        "rejected_fraction": round(summary.rejected_fraction, 6),
        "duplicates": summary.duplicates,
        "ignored": summary.ignored,
        "converted": summary.converted,
        "bytes": summary.bytes,
        "labels": {
            split: {label: summary.labels(split)[label] for label in contract.label.vocabulary}
            for split in contract.split.names
        },
        **feature_statistics(summary.table),
    }
    if contract.record_format != "csv":
        document["image"] = {"height": summary.height.to_json(), "width": summary.width.to_json()}
    return json.dumps(document, indent=2) + "\n"


def rejected_lines(summary: Summary) -> str:
    """A line for each file or row that did not become a record; of many for one reason, the first ones."""
    return "".join(item.to_json_line() for item in summary.rejected)


def check_rejected(contract: DataContract, summary: Summary, *, where: str) -> None:
    """Refuse a conversion that lost too much.

    Args:
        contract: how much may be lost.
        summary: how much was lost.
        where: the folder that has the whole list.

    Raises:
        TooManyRejectedError: above the allowed fraction, or nothing is left to train on.
    """
    counts = ", ".join(f"{count} {reason}" for reason, count in summary.rejected_by_reason.items())
    first = "; ".join(
        f"{item.uri}: {item.reason} ({item.detail})" for item in summary.rejected[:_FIRST_EXAMPLES]
    )
    listed = len(summary.rejected)
    whole = "All of them" if listed == summary.rejections else f"The first {listed}"
    details = f"{counts}. First: {first}. {whole}: {where}/{REJECTED}"
    what = _READ[contract.record_format]
    if summary.rejected_fraction > contract.max_rejected_fraction:
        raise TooManyRejectedError(
            f"{contract.name}: {summary.rejections} of {summary.read} {what} rejected"
            f" ({summary.rejected_fraction:.1%}), allowed are {contract.max_rejected_fraction:.1%}: {details}"
        )
    if not any(summary.records(split) for split in contract.split.names):
        raise TooManyRejectedError(
            f"{contract.name}: expected records, received none from {summary.read} {what}"
            + (f": {details}" if summary.rejected else "")
        )
