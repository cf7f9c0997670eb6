"""`upload_data`: raw data into the bucket, under an id that stands for its content."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retraining import paths
from retraining.bench import Bench
from retraining.errors import ConfigurationError
from retraining.hooks.storage import Storage, in_parallel
from retraining.operators.step import Step
from retraining.settings import Settings
from retraining.snapshot import RawObject, snapshot_id

READ_BYTES = 1 << 20
REPORT_EVERY = 500


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where raw data lies.

    Attributes:
        location: a `gs://` folder with a slash at its end, or a local folder.
        objects: what lies there.
    """

    location: str
    objects: Sequence[RawObject]


class UploadDataOperator(Step):
    """Brings the objects of a folder or a `gs://` URI into the bucket; uploads only what is missing.

    Args:
        source: overrules the spec's source if it isn't empty.

    Returns:
        `snapshot`, `raw_dir`, `objects`, `bytes`, `uploaded` and a `note` for people.
    """

    template_fields: Sequence[str] = ("source",)

    def __init__(self, *, source: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source

    def work(self, bench: Bench) -> Mapping[str, Any]:
        """Find the snapshot's id, then upload what of it is missing."""
        location = resolve(self.source or self.spec.source, bench.settings)
        self.log.info("Reading %s", location)
        source = survey(location, bench.storage)
        snapshot = snapshot_id(source.objects)
        raw_dir = paths.raw_folder(bench.settings.bucket, self.spec.name, snapshot)
        there = {found.name for found in bench.storage.list(raw_dir)}
        missing = [found for found in source.objects if found.name not in there]
        self._bring(missing, source.location, raw_dir, bench.storage)
        note = (
            f"uploaded {len(missing)} of {len(source.objects)} objects"
            if missing
            else f"nothing to upload: snapshot {snapshot} is in the bucket"
        )
        self.log.info("%s (%s)", note, raw_dir)
        return {
            "snapshot": snapshot,
            "raw_dir": raw_dir,
            "objects": len(source.objects),
            "bytes": sum(found.size for found in source.objects),
            "uploaded": len(missing),
            "note": note,
        }

    def _bring(self, missing: Sequence[RawObject], location: str, raw_dir: str, storage: Storage) -> None:
        brought = 0

        def bring(item: RawObject) -> None:
            if location.startswith("gs://"):
                storage.copy(location + item.name, raw_dir + item.name)
            else:
                storage.upload(str(Path(location, item.name)), raw_dir + item.name)

        def count(_: RawObject) -> None:
            nonlocal brought
            brought += 1
            if brought % REPORT_EVERY == 0:
                self.log.info("%d of %d objects", brought, len(missing))

        in_parallel(bring, missing, done=count)


def resolve(source: str, settings: Settings) -> str:
    """The location of a source: as it is, or below the source root if it is relative.

    Raises:
        ConfigurationError: the source is relative and there is no source root.
    """
    if source.startswith("gs://"):
        return source.rstrip("/") + "/"
    if Path(source).is_absolute():
        return source
    root = settings.source_root
    if root is None:
        raise ConfigurationError(
            f"source: expected a folder or a gs:// URI (no PERENNIAL_SOURCE_ROOT is set), received {source!r}"
        )
    return f"{root.rstrip('/')}/{source}/" if root.startswith("gs://") else str(Path(root, source))


def survey(location: str, storage: Storage) -> Source:
    """What lies at a location.

    Raises:
        ConfigurationError: there is nothing.
    """
    objects = storage.list(location) if location.startswith("gs://") else _files(Path(location))
    if not objects:
        raise ConfigurationError(f"source: expected at least one file in {location}, received none")
    return Source(location=location, objects=objects)


def _files(folder: Path) -> list[RawObject]:
    if not folder.is_dir():
        raise ConfigurationError(f"source: expected a folder, received {str(folder)!r}")
    files = sorted(_visible(folder))
    # Reading and hashing both release the interpreter's lock.
    with ThreadPoolExecutor(thread_name_prefix="checksum") as pool:
        return list(pool.map(lambda file: _describe(file, folder), files))


def _visible(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _visible(entry)
        elif entry.is_file():
            yield entry


def _describe(file: Path, folder: Path) -> RawObject:
    import google_crc32c

    checksum, size = google_crc32c.Checksum(), 0
    with file.open("rb") as stream:
        while block := stream.read(READ_BYTES):
            checksum.update(block)
            size += len(block)
    return RawObject(
        name=file.relative_to(folder).as_posix(),
        size=size,
        crc32c=base64.b64encode(checksum.digest()).decode(),
    )
