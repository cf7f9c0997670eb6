"""Labelled JPEG files as a format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contract import DataContract
from preprocessing.examples import check_features
from preprocessing.images.checking import NAMES
from preprocessing.images.raw_files import RawFile
from preprocessing.images.records import write_records
from preprocessing.images.sources import source_of
from preprocessing.shard_files import ShardFiles
from preprocessing.sources import Source
from preprocessing.tally import Tally


@dataclass(frozen=True)
class ImageFormat:
    """A folder per label, or a CSV file of image URI and label."""

    shard_bytes: int = 64 << 20

    def check(self, contract: DataContract) -> None:
        """Refuse features that an image does not have.

        Raises:
            ContractError: there is one, or the label has no vocabulary.
        """
        check_features(contract, names=NAMES)

    def source(self, uri: str, contract: DataContract) -> Source:  # noqa: ARG002 - folders tell all
        """The images at a path or `gs://` URI."""
        return source_of(uri)

    def write_records(
        self,
        pieces: Sequence[RawFile],
        files: ShardFiles,
        *,
        contract: DataContract,
        source: Source,
        num_shards: int,  # noqa: ARG002 - a shard of images depends on no other
    ) -> Tally:
        """Check, deduplicate and write images."""
        return write_records(pieces, files, contract=contract, source=source)
