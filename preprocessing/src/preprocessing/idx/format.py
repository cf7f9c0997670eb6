"""IDX files as a format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contract import DataContract
from preprocessing.examples import check_features
from preprocessing.idx.records import NAMES, write_records
from preprocessing.idx.sources import IdxFolder, IdxSlice
from preprocessing.shard_files import ShardFiles
from preprocessing.sources import Source
from preprocessing.tally import Tally


@dataclass(frozen=True)
class IdxFormat:
    """A folder with files of images and of labels: a record for each image."""

    shard_bytes: int = 16 << 20

    def check(self, contract: DataContract) -> None:
        """Refuse features that such an image does not have.

        Raises:
            ContractError: there is one, or the label has no vocabulary.
        """
        check_features(contract, names=NAMES)

    def source(self, uri: str, contract: DataContract) -> Source:  # noqa: ARG002 - names tell all
        """The files in a folder or below a `gs://` prefix."""
        return IdxFolder(uri.rstrip("/"))

    def write_records(
        self,
        pieces: Sequence[IdxSlice],
        files: ShardFiles,
        *,
        contract: DataContract,
        source: Source,  # noqa: ARG002 - each slice knows its files
        num_shards: int,  # noqa: ARG002 - no statistics are shared out
    ) -> Tally:
        """Check, encode and write images."""
        return write_records(pieces, files, contract=contract)
