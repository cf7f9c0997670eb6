"""The conversion as a Beam pipeline: list, assign to shards, write each shard in one call, commit.

What is shuffled are names, places and sizes. An image, or a span of a CSV file, is read once, by the call
that writes it into its shard; moving the data itself through a shuffle is what makes the obvious
pipeline (read, map, `WriteToTFRecord`) slow and large.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import AsList, AsSingleton

from preprocessing.commit import commit
from preprocessing.conversion import Conversion
from preprocessing.shard_writer import write_shard
from preprocessing.shards import (
    assign_shards,
    every_shard,
    listed_bytes,
    number_of_shards,
    without_pieces,
)
from preprocessing.sources import Listed, Part, Source
from preprocessing.summaries import ShardSummary, Summary

_NAMESPACE = "preprocessing"

logger = logging.getLogger(__name__)


def convert(pipeline: beam.Pipeline, conversion: Conversion) -> beam.PCollection[Summary]:
    """Add the steps of a conversion to a pipeline.

    Args:
        pipeline: to add them to.
        conversion: what to convert.

    Returns:
        One summary, of what was committed.
    """
    listed = list_source(pipeline, conversion.source)
    num_shards = count_shards(
        pipeline, listed, conversion.num_shards, shard_bytes=conversion.format.shard_bytes
    )
    shards = group_by_shard(listed, num_shards)
    summaries = shards | "WriteShards" >> beam.Map(
        convert_shard, conversion=conversion, num_shards=AsSingleton(num_shards)
    )
    unread = listed | "Unread" >> beam.FlatMap(without_pieces)
    return num_shards | "Commit" >> beam.Map(commit, AsList(summaries), AsList(unread), conversion=conversion)


def list_source(pipeline: beam.Pipeline, source: Source) -> beam.PCollection[Listed]:
    """The pieces of a source, in batches; its parts are listed side by side."""
    return (
        pipeline
        | "Source" >> beam.Create([source])
        | "Parts" >> beam.FlatMap(_parts)
        | "SpreadParts" >> beam.Reshuffle()
        | "ListFiles" >> beam.FlatMap(_listed)
    )


def count_shards(
    pipeline: beam.Pipeline, listed: beam.PCollection[Listed], num_shards: int | None, *, shard_bytes: int
) -> beam.PCollection[int]:
    """One element: the number of shards, as given or by the size of the raw data."""
    if num_shards is not None:
        return pipeline | "NumShards" >> beam.Create([num_shards])
    return (
        listed
        | "Bytes" >> beam.Map(listed_bytes)
        | "TotalBytes" >> beam.CombineGlobally(sum)
        | "NumShards" >> beam.Map(number_of_shards, shard_bytes)
    )


def group_by_shard(
    listed: beam.PCollection[Listed], num_shards: beam.PCollection[int]
) -> beam.PCollection[tuple[int, Iterable[Listed]]]:
    """For each shard, the batches of pieces that belong to it."""
    assigned = listed | "AssignShards" >> beam.FlatMap(
        assign_shards, num_shards=AsSingleton(num_shards)
    ).with_output_types(tuple[int, Listed])
    every = num_shards | "EveryShard" >> beam.FlatMap(every_shard).with_output_types(tuple[int, Listed])
    return (assigned, every) | "AllShards" >> beam.Flatten() | "GroupByShard" >> beam.GroupByKey()


def convert_shard(
    group: tuple[int, Iterable[Listed]], *, conversion: Conversion, num_shards: int
) -> ShardSummary:
    """Write one shard of each split and count what came of it."""
    shard, batches = group
    pieces = [piece for batch in batches for piece in batch.pieces]
    summary = write_shard(shard, pieces, conversion=conversion, num_shards=num_shards)
    written = {split: file.records for split, file in summary.files.items()}
    _count("read", summary.read)
    _count("written", sum(written.values()))
    _count("duplicates", summary.duplicates)
    for reason, count in summary.rejected_by_reason.items():
        _count(f"rejected_{reason}", count)
    logger.info(
        "shard %d of %d: %d read, %s written, %d rejected",
        shard + 1, num_shards, summary.read, written, sum(summary.rejected_by_reason.values()),
    )  # fmt: skip
    return summary


def _parts(source: Source) -> Iterator[Part]:
    return source.parts()


def _listed(part: Part) -> Iterator[Listed]:
    for listed in part.listed():
        for item in listed.rejected:
            _count("read", 1)
            _count(f"rejected_{item.reason}", 1)
        yield listed


def _count(name: str, increment: int) -> None:
    Metrics.counter(_NAMESPACE, name).inc(increment)
