"""The last step: judge the whole, then write what describes it, the commit mark last of all."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from contract import FEATURES_FILENAME, STATISTICS_FILENAME
from preprocessing import manifest
from preprocessing.conversion import Conversion
from preprocessing.output import COMMIT_MARK
from preprocessing.sources import Listed
from preprocessing.summaries import ShardSummary, Summary

logger = logging.getLogger(__name__)


def commit(
    num_shards: int, shards: Iterable[ShardSummary], unread: Iterable[Listed], *, conversion: Conversion
) -> Summary:
    """Make the written shards a dataset.

    Statistics and the list of what was rejected are written in any case, to be looked at after a failure.

    Args:
        num_shards: how many shards there are.
        shards: what came of each.
        unread: batches of what no shard accounts for.
        conversion: how, and where to.

    Raises:
        TooManyRejectedError: above the allowed fraction, or there is not a single record.
        OutputError: the shards in the folder are not the written ones.
    """
    left = list(unread)
    summary = Summary(
        shards=tuple(sorted(shards, key=lambda shard: shard.shard)),
        unlisted=tuple(item for listed in left for item in listed.rejected),
        ignored=sum(listed.ignored for listed in left),
    )
    contract, output = conversion.contract, conversion.output
    output.publish_text(manifest.REJECTED, manifest.rejected_lines(summary))
    output.publish_text(STATISTICS_FILENAME, manifest.statistics(contract, summary))
    manifest.check_rejected(contract, summary, where=output.uri)
    for split in contract.split.names:
        if not summary.records(split):
            logger.warning(
                "%s: no record fell into the split %s, %d are too few", contract.name, split, summary.read
            )
    expected = {
        output.shard_name(split, shard.shard, num_shards): file.bytes
        for shard in summary.shards
        for split, file in shard.files.items()
    }
    output.check_shards(expected)
    output.remove_leftovers(expected)
    output.publish_text(FEATURES_FILENAME, contract.to_features_json())
    output.publish_text(COMMIT_MARK, manifest.dataset_info(contract, summary))
    return summary
