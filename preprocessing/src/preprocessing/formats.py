"""The kinds of raw data, one format for each: where it comes from, and how it becomes records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from contract import DataContract
from preprocessing.idx.format import IdxFormat
from preprocessing.images.format import ImageFormat
from preprocessing.shard_files import ShardFiles
from preprocessing.sources import Source
from preprocessing.tables.format import TableFormat
from preprocessing.tally import Tally


class Format(Protocol):
    """What the pipeline needs of a kind of raw data."""

    @property
    def shard_bytes(self) -> int:
        """How many bytes of raw data go into a shard, on average, unless the number of shards is given."""

    def check(self, contract: DataContract) -> None:
        """Refuse a contract that such raw data can't fulfil.

        Raises:
            ContractError: it names what there is not.
        """

    def source(self, uri: str, contract: DataContract) -> Source:
        """The raw data at a path or `gs://` URI."""

    def write_records(
        self,
        pieces: Sequence[Any],
        files: ShardFiles,
        *,
        contract: DataContract,
        source: Source,
        num_shards: int,
    ) -> Tally:
        """Write the records of a shard; the same pieces in any order give the same records in the same order.

        Args:
            pieces: what `source` listed for this shard.
            files: take the records.
            contract: what the records hold.
            source: the raw data.
            num_shards: how many shards there are.

        Returns:
            What was read and what came of it.
        """


FORMATS: Mapping[str, Format] = {"image": ImageFormat(), "csv": TableFormat(), "idx": IdxFormat()}
"""By the contract's `record_format`."""
