"""The last step: check the whole, then write the files that describe it, the success marker last."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from contract import FEATURES_FILENAME, RECORD_FORMAT_VERSION, DataContract, DatasetStatistics
from contract.artifacts import DatasetInfo, RejectedRecord, SplitInfo, shard_filename
from contract.raw_data import IgnoredFile, count_reasons
from preprocessing.conversion_stats import ConversionStats, ShardStats
from preprocessing.errors import TooManyRejectedError
from preprocessing.formats import FORMATS, Conversion
from preprocessing.sources import FileBatch

_FIRST_EXAMPLES = 5

logger = logging.getLogger(__name__)


def commit(
    num_shards: int, shards: Iterable[ShardStats], unread: Iterable[FileBatch], *, conversion: Conversion
) -> ConversionStats:
    """Make a dataset of the written shards.

    Statistics and rejected records are written in any case, to be looked at after a failure.

    Args:
        num_shards: number of shards.
        shards: counts of each.
        unread: batches of files that no shard counts.
        conversion: contract and output folder.

    Raises:
        TooManyRejectedError: above the allowed fraction, or there is not a single record.
        OutputError: the shards in the folder are not the written ones.
    """
    batches = list(unread)
    stats = ConversionStats(
        shards=tuple(sorted(shards, key=lambda shard: shard.shard)),
        unlisted=tuple(record for batch in batches for record in batch.rejected),
        ignored=tuple(sorted(file for batch in batches for file in batch.ignored)),
    )
    contract, output = conversion.contract, conversion.output
    lines = "".join(record.to_line() for record in stats.rejected)
    output.publish_text(RejectedRecord.FILENAME, lines)
    output.publish_text(IgnoredFile.FILENAME, "".join(file.to_line() for file in stats.ignored))
    output.publish_text(DatasetStatistics.FILENAME, dataset_statistics(contract, stats).to_text())
    check_rejected(contract, stats, folder=output.uri)
    for split in contract.split.names:
        if not stats.records(split):
            logger.warning(
                "%s: no record fell into the split %s, %d are too few", contract.name, split, stats.read
            )
    expected = {
        shard_filename(contract.name, split, shard.shard, num_shards): file.bytes
        for shard in stats.shards
        for split, file in shard.files.items()
    }
    output.check_shards(expected)
    output.remove_stale_files(expected)
    output.publish_text(FEATURES_FILENAME, contract.to_features_json())
    output.publish_text(DatasetInfo.FILENAME, dataset_info(contract, stats).to_text())
    return stats


def dataset_info(contract: DataContract, stats: ConversionStats) -> DatasetInfo:
    """Return the manifest of TensorFlow Datasets' folder format."""
    splits = tuple(
        SplitInfo(
            name=split,
            shard_lengths=tuple(shard.files[split].records for shard in stats.shards),
            num_bytes=sum(shard.files[split].bytes for shard in stats.shards),
        )
        for split in contract.split.names
    )
    return DatasetInfo(name=contract.name, version=RECORD_FORMAT_VERSION, splits=splits)


def dataset_statistics(contract: DataContract, stats: ConversionStats) -> DatasetStatistics:
    """Return counts for reports, and statistics of the features for training."""
    features = FORMATS[contract.record_format].merge_statistics([shard.features for shard in stats.shards])
    return DatasetStatistics(
        dataset=contract.name,
        read=stats.read,
        records={split: stats.records(split) for split in contract.split.names},
        rejected=stats.rejected_by_reason,
        rejected_listed=len(stats.rejected),
        rejected_fraction=round(stats.rejected_fraction, 6),
        duplicates=stats.duplicates,
        ignored=count_reasons(stats.ignored),
        converted=stats.converted,
        bytes=stats.bytes,
        labels={
            split: {label: stats.labels(split)[label] for label in contract.label.vocabulary}
            for split in contract.split.names
        },
        **{"numbers": {}, "categories": {}, **features},
    )


def check_rejected(contract: DataContract, stats: ConversionStats, *, folder: str) -> None:
    """Refuse a conversion that lost too many records.

    Args:
        contract: names the allowed fraction.
        stats: counts of the conversion.
        folder: output folder, which has the list of the rejected records.

    Raises:
        TooManyRejectedError: above the allowed fraction, or nothing is left to train on.
    """
    rejected = stats.rejected
    counts = ", ".join(f"{count} {reason}" for reason, count in stats.rejected_by_reason.items())
    first = "; ".join(
        f"{record.uri}: {record.reason} ({record.detail})" for record in rejected[:_FIRST_EXAMPLES]
    )
    listed = "All of them" if len(rejected) == stats.num_rejected else f"The first {len(rejected)}"
    details = f"{counts}. First: {first}. {listed}: {folder}/{RejectedRecord.FILENAME}"
    unit = FORMATS[contract.record_format].unit
    if stats.rejected_fraction > contract.max_rejected_fraction:
        raise TooManyRejectedError(
            f"{contract.name}: {stats.num_rejected} of {stats.read} {unit} rejected"
            f" ({stats.rejected_fraction:.1%}), allowed are {contract.max_rejected_fraction:.1%}: {details}"
        )
    if not any(stats.records(split) for split in contract.split.names):
        raise TooManyRejectedError(
            f"{contract.name}: expected records, received none from {stats.read} {unit}"
            + (f": {details}" if rejected else "")
        )
