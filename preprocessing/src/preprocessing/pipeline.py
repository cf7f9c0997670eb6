"""The conversion as a Beam pipeline: list, assign to shards, write each shard in one call, commit.

Names, positions and sizes are shuffled. An image, or a byte range of a CSV file, is read once, by the call
that writes it into its shard; moving the data itself through a shuffle is what makes the obvious
pipeline (read, map, `WriteToTFRecord`) slow and large.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import AsList, AsSingleton

from contract import SplitSpec
from preprocessing.conversion_stats import ConversionStats, ShardStats
from preprocessing.formats import Conversion
from preprocessing.manifest import commit
from preprocessing.output import open_shard_files
from preprocessing.sources import Chunk, FileBatch, Source, SourcePartition

_NAMESPACE = "preprocessing"
_MAX_SHARDS = 4096

logger = logging.getLogger(__name__)


def convert(pipeline: beam.Pipeline, conversion: Conversion) -> beam.PCollection[ConversionStats]:
    """Add the steps of a conversion to a pipeline.

    Returns:
        One element, the counts of the committed dataset.
    """
    listed = list_source(pipeline, conversion.source)
    num_shards = count_shards(
        pipeline, listed, conversion.num_shards, shard_bytes=conversion.format.shard_bytes
    )
    shards = group_by_shard(listed, num_shards)
    split = resolve_split(pipeline, listed, conversion.contract.split)
    stats = shards | "WriteShards" >> beam.Map(
        convert_shard, AsSingleton(split), conversion=conversion, num_shards=AsSingleton(num_shards)
    )
    unread = listed | "Unread" >> beam.FlatMap(without_chunks)
    return num_shards | "Commit" >> beam.Map(commit, AsList(stats), AsList(unread), conversion=conversion)


def list_source(pipeline: beam.Pipeline, source: Source) -> beam.PCollection[FileBatch]:
    """List the chunks of a source in batches, its partitions in parallel."""
    return (
        pipeline
        | "Source" >> beam.Create([source])
        | "Partitions" >> beam.FlatMap(_partitions)
        | "SpreadPartitions" >> beam.Reshuffle()
        | "ListFiles" >> beam.FlatMap(_list_batches)
    )


def count_shards(
    pipeline: beam.Pipeline, listed: beam.PCollection[FileBatch], num_shards: int | None, *, shard_bytes: int
) -> beam.PCollection[int]:
    """Return one element: the number of shards, as given or by the size of the raw data."""
    if num_shards is not None:
        return pipeline | "NumShards" >> beam.Create([num_shards])
    return (
        listed
        | "Bytes" >> beam.Map(batch_bytes)
        | "TotalBytes" >> beam.CombineGlobally(sum)
        | "NumShards" >> beam.Map(number_of_shards, shard_bytes)
    )


def resolve_split(
    pipeline: beam.Pipeline, listed: beam.PCollection[FileBatch], split: SplitSpec
) -> beam.PCollection[SplitSpec]:
    """Return one element: the split, by time where the raw data has several partitions."""
    if split.partition is None:
        return pipeline | "Split" >> beam.Create([split])
    return (
        listed
        | "PartitionsOfFiles" >> beam.FlatMap(partitions_of, split)
        | "OldestAndNewest" >> beam.CombineGlobally(oldest_and_newest)
        | "Split" >> beam.Map(lambda days: split.resolved(*days))
    )


def partitions_of(batch: FileBatch, split: SplitSpec) -> Iterator[tuple[date, date]]:
    """Yield the first day of each partition that a batch has data of, twice."""
    days = {day for name in {chunk.name for chunk in batch.chunks} if (day := split.partition_of(name))}
    return ((day, day) for day in days)


def oldest_and_newest(days: Iterable[tuple[date, date]]) -> tuple[date | None, date | None]:
    """Return the earliest and the latest of pairs of such days; None without any."""
    pairs = [pair for pair in days if pair[0] is not None]
    return min((pair[0] for pair in pairs), default=None), max((pair[1] for pair in pairs), default=None)


def group_by_shard(
    listed: beam.PCollection[FileBatch], num_shards: beam.PCollection[int]
) -> beam.PCollection[tuple[int, Iterable[FileBatch]]]:
    """Group the chunks by the shard that they belong to."""
    assigned = listed | "AssignShards" >> beam.FlatMap(
        assign_shards, num_shards=AsSingleton(num_shards)
    ).with_output_types(tuple[int, FileBatch])
    every = num_shards | "EveryShard" >> beam.FlatMap(every_shard).with_output_types(tuple[int, FileBatch])
    return (assigned, every) | "AllShards" >> beam.Flatten() | "GroupByShard" >> beam.GroupByKey()


def number_of_shards(total_bytes: int, shard_bytes: int) -> int:
    """Return the number of shards for this much raw data."""
    return max(1, min(_MAX_SHARDS, -(-total_bytes // shard_bytes)))


def batch_bytes(batch: FileBatch) -> int:
    """Return the bytes of a batch's chunks."""
    return sum(chunk.size for chunk in batch.chunks)


def assign_shards(batch: FileBatch, num_shards: int) -> Iterator[tuple[int, FileBatch]]:
    """Divide a batch by shard."""
    by_shard: dict[int, list[Chunk]] = defaultdict(list)
    for chunk in batch.chunks:
        by_shard[chunk.shard_of(num_shards)].append(chunk)
    for shard, chunks in by_shard.items():
        yield shard, FileBatch(chunks=tuple(chunks))


def every_shard(num_shards: int) -> Iterator[tuple[int, FileBatch]]:
    """Yield an empty batch for each shard, so that those to which nothing belongs are written too."""
    for shard in range(num_shards):
        yield shard, FileBatch()


def without_chunks(batch: FileBatch) -> Iterator[FileBatch]:
    """Yield the files of a batch that no shard counts: rejected and ignored ones, if any."""
    if batch.rejected or batch.ignored:
        yield FileBatch(rejected=batch.rejected, ignored=batch.ignored)


def convert_shard(
    group: tuple[int, Iterable[FileBatch]], split: SplitSpec, *, conversion: Conversion, num_shards: int
) -> ShardStats:
    """Write a shard, and count its records in the job's metrics and log."""
    shard, batches = group
    chunks = [chunk for batch in batches for chunk in batch.chunks]
    conversion = replace(conversion, contract=replace(conversion.contract, split=split))
    stats = write_shard(shard, chunks, conversion=conversion, num_shards=num_shards)
    written = {split: file.records for split, file in stats.files.items()}
    rejected = stats.rejected.by_reason
    _count("read", stats.read)
    _count("written", sum(written.values()))
    _count("duplicates", stats.duplicates)
    for reason, count in rejected.items():
        _count(f"rejected_{reason}", count)
    logger.info(
        "shard %d of %d: %d read, %s written, %d rejected",
        shard + 1, num_shards, stats.read, written, sum(rejected.values()),
    )  # fmt: skip
    return stats


def write_shard(
    shard: int, chunks: Sequence[Chunk], *, conversion: Conversion, num_shards: int
) -> ShardStats:
    """Write one shard of each split, in one pass; the same raw data always gives the same bytes.

    Args:
        shard: index of the shard.
        chunks: its raw data, in any order.
        conversion: contract, source and output folder.
        num_shards: number of shards.

    Raises:
        SourceError: a file of many records can't be read to its end.
        OutputError: the dataset is committed with other bytes.
    """
    contract = conversion.contract
    with open_shard_files(conversion.output, shard, num_shards, contract.split.names) as files:
        stats = conversion.format.write_records(
            chunks, files, contract=contract, source=conversion.source, num_shards=num_shards
        )
    stats.shard, stats.files = shard, files.written
    return stats


def _partitions(source: Source) -> Iterator[SourcePartition]:
    return source.partitions()


def _list_batches(partition: SourcePartition) -> Iterator[FileBatch]:
    for batch in partition.list_batches():
        for record in batch.rejected:
            _count("read", 1)
            _count(f"rejected_{record.reason}", 1)
        yield batch


def _count(name: str, increment: int) -> None:
    Metrics.counter(_NAMESPACE, name).inc(increment)
