"""`upload_data`: raw data into the bucket, under an id that stands for its content."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from retraining import paths
from retraining.bench import Bench
from retraining.errors import ConfigurationError
from retraining.hooks.storage import Storage, in_parallel
from retraining.operators.production import version_in_production
from retraining.operators.step import Step
from retraining.recipe import check_changed, skips_unchanged
from retraining.settings import Settings
from retraining.snapshot import RawObject, snapshot_id
from retraining.window import look

READ_BYTES = 1 << 20
REPORT_EVERY = 500


class UploadDataOperator(Step):
    """Brings what a run may see of a folder or a `gs://` URI into the bucket; uploads only what is missing.

    A run that nobody asked for ends here, skipped, if the version in production was made from the same.

    Args:
        source: overrules the spec's source if it isn't empty.

    Returns:
        `snapshot`, `raw_dir`, `objects`, `bytes`, `uploaded`, `data_from` and `data_until` (ISO 8601; the
        former is null where all data is used) and a `note` for people.
    """

    template_fields: Sequence[str] = ("source",)

    def __init__(self, *, source: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source

    def work(self, bench: Bench) -> Mapping[str, Any]:
        """Find the snapshot's id, then upload what of it is missing."""
        location = resolve(self.source or self.spec.source, bench.settings)
        self.log.info("Reading %s", location)
        window = look(names(location, bench.storage), self.spec.partitioning, bench.run, bench.params)
        objects = survey(location, window.names, bench.storage)
        snapshot = snapshot_id(objects)
        if skips_unchanged(bench):
            check_changed(bench, self.spec, snapshot, version_in_production(bench, self.spec.name))
        raw_dir = paths.raw_folder(bench.settings.bucket, self.spec.name, snapshot)
        there = {found.name for found in bench.storage.list(raw_dir)}
        missing = [found for found in objects if found.name not in there]
        self._bring(missing, location, raw_dir, bench.storage)
        note = (
            f"uploaded {len(missing)} of {len(objects)} objects"
            if missing
            else f"nothing to upload: snapshot {snapshot} is in the bucket"
        )
        if window.remark:
            note += f" ({window.remark})"
        self.log.info("%s: %s", raw_dir, note)
        return {
            "snapshot": snapshot,
            "raw_dir": raw_dir,
            "objects": len(objects),
            "bytes": sum(found.size for found in objects),
            "uploaded": len(missing),
            "data_from": window.data_from and window.data_from.isoformat(),
            "data_until": window.data_until.isoformat(),
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


def names(location: str, storage: Storage) -> list[str]:
    """The names of the files at a location, relative to it; hidden ones of a folder are left out.

    Raises:
        ConfigurationError: there are none, or there is no such folder.
    """
    if location.startswith("gs://"):
        found = [item.name for item in storage.list(location)]
    else:
        folder = Path(location)
        if not folder.is_dir():
            raise ConfigurationError(f"source: expected a folder, received {location!r}")
        found = sorted(file.relative_to(folder).as_posix() for file in _visible(folder))
    if not found:
        raise ConfigurationError(f"source: expected at least one file in {location}, received none")
    return found


def survey(location: str, chosen: Collection[str], storage: Storage) -> list[RawObject]:
    """The chosen files of a location with their sizes and checksums; no other file is opened."""
    if location.startswith("gs://"):
        return [item for item in storage.list(location) if item.name in chosen]
    # Reading and hashing both release the interpreter's lock.
    with ThreadPoolExecutor(thread_name_prefix="checksum") as pool:
        return list(pool.map(lambda name: _describe(Path(location, name), name), sorted(chosen)))


def _visible(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _visible(entry)
        elif entry.is_file():
            yield entry


def _describe(file: Path, name: str) -> RawObject:
    import google_crc32c

    checksum, size = google_crc32c.Checksum(), 0
    with file.open("rb") as stream:
        while block := stream.read(READ_BYTES):
            checksum.update(block)
            size += len(block)
    return RawObject(name=name, size=size, crc32c=base64.b64encode(checksum.digest()).decode())
