"""The files of one shard while they are written: one for each split, published at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

from preprocessing.output import OutputFolder
from preprocessing.summaries import ShardFile
from preprocessing.tfrecord import FRAME_BYTES, framed

_BUFFER_BYTES = 1 << 20


class ShardFiles:
    """Takes records by split."""

    def __init__(self, files: dict[str, BinaryIO]) -> None:
        """Write into open files, by split."""
        self._files = files
        self._records: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def write(self, split: str, records: Sequence[bytes]) -> None:
        """Append serialized records to the file of a split."""
        self._files[split].writelines(framed(records))
        self._bytes[split] += sum(map(len, records)) + FRAME_BYTES * len(records)
        self._records[split] += len(records)

    @property
    def written(self) -> dict[str, ShardFile]:
        """What the files hold so far."""
        return {split: ShardFile(self._records[split], self._bytes[split]) for split in self._files}


@contextmanager
def shard_files(
    output: OutputFolder, shard: int, num_shards: int, splits: Iterable[str]
) -> Iterator[ShardFiles]:
    """The files of a shard; they appear in the output folder when the block ends without an error.

    Raises:
        OutputError: the dataset is committed with other bytes.
    """
    with ExitStack() as scratches:
        names = {split: output.shard_name(split, shard, num_shards) for split in splits}
        paths = {split: scratches.enter_context(output.scratch(name)) for split, name in names.items()}
        with ExitStack() as opened:
            yield ShardFiles(
                {split: opened.enter_context(path.open("wb", _BUFFER_BYTES)) for split, path in paths.items()}
            )
        for split, path in paths.items():
            output.publish(path, names[split])
