"""The formats of raw data, and a conversion of one of them as a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from contract import ContractError, DataContract
from preprocessing.conversion_stats import ShardStats
from preprocessing.idx import IdxFormat
from preprocessing.images.records import ImageFormat
from preprocessing.output import OutputFolder, ShardFiles
from preprocessing.sources import Source
from preprocessing.tables.parquet import ParquetFormat
from preprocessing.tables.records import TableFormat


class Format(Protocol):
    """A format of raw data: how to list it, and how to make records of it."""

    @property
    def shard_bytes(self) -> int:
        """Bytes of raw data in an average shard, unless the number of shards is given."""

    @property
    def unit(self) -> str:
        """Noun for the raw data of one record, in the plural."""

    def check(self, contract: DataContract) -> None:
        """Refuse a contract that such raw data can't fulfil.

        Raises:
            ContractError: it names the feature that can't be had.
        """

    def source(self, uri: str, contract: DataContract) -> Source:
        """Return the raw data at a path or `gs://` URI."""

    def write_records(
        self,
        chunks: Sequence[Any],
        files: ShardFiles,
        *,
        contract: DataContract,
        source: Source,
        num_shards: int,
    ) -> ShardStats:
        """Write the records of a shard; the same chunks in any order give the same records in the same order.

        Args:
            chunks: the chunks of `source` in this shard.
            files: take the records.
            contract: the features of the records.
            source: the raw data.
            num_shards: number of shards.
        """

    def merge_statistics(self, shards: Sequence[Any]) -> dict[str, Any]:
        """Merge the feature statistics of all shards.

        Args:
            shards: `ShardStats.features` of each.

        Returns:
            Fields of `DatasetStatistics`.
        """


FORMATS: Mapping[str, Format] = {
    "image": ImageFormat(),
    "csv": TableFormat(),
    "parquet": ParquetFormat(),
    "idx": IdxFormat(),
}
"""By the contract's `record_format`."""


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """Everything that the pipeline needs to know.

    Attributes:
        contract: features and split of the records, and how many may be rejected.
        source: the raw data.
        output: the folder of shards and metadata.
        num_shards: shards of each split; None for a number that follows from the size of the raw data.

    Raises:
        ContractError: a field has a value that it can't have.
    """

    contract: DataContract
    source: Source
    output: OutputFolder
    num_shards: int | None = None

    def __post_init__(self) -> None:
        self.format.check(self.contract)
        if self.num_shards is not None and not 1 <= self.num_shards <= 99_999:
            raise ContractError("num_shards", expected="1 to 99999", received=self.num_shards)

    @property
    def format(self) -> Format:
        """Format of the raw data."""
        return FORMATS[self.contract.record_format]
