"""IDX files as a format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dataset_contract import ContractError, DataContract
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
        if not contract.label.vocabulary:
            raise ContractError(f"features[{contract.label.name}].vocabulary", expected="labels", received=())
        for feature in contract.features:
            if feature.role != "label" and feature.default is None and feature.name not in NAMES:
                raise ContractError("features", expected=f"one of {list(NAMES)}", received=feature.name)

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
