"""CSV files as a format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contract import ContractError, DataContract
from preprocessing.shard_files import ShardFiles
from preprocessing.sources import Source
from preprocessing.tables.files import Span
from preprocessing.tables.records import write_records
from preprocessing.tables.sources import Tables
from preprocessing.tally import Tally


@dataclass(frozen=True)
class TableFormat:
    """A CSV file, or a folder of them: a record for each row."""

    shard_bytes: int = 32 << 20

    def check(self, contract: DataContract) -> None:
        """Refuse a label that is neither a number nor one of some words.

        Raises:
            ContractError: the label is any word.
        """
        label = contract.label
        if not label.is_number and not label.vocabulary:
            raise ContractError(f"features[{label.name}].vocabulary", expected="labels", received=())

    def source(self, uri: str, contract: DataContract) -> Source:
        """The files at a path or `gs://` URI."""
        return Tables(uri.rstrip("/"), contract)

    def write_records(
        self,
        pieces: Sequence[Span],
        files: ShardFiles,
        *,
        contract: DataContract,
        source: Source,  # noqa: ARG002 - each span knows its file
        num_shards: int,
    ) -> Tally:
        """Check, encode and write rows."""
        return write_records(pieces, files, contract=contract, num_shards=num_shards)
