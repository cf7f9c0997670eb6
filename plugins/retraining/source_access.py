"""Access to sources: where a name leads, and what the deployment allows a run to name."""

from __future__ import annotations

from pathlib import Path

from contract import DatasetSpec
from retraining.errors import ConfigurationError
from retraining.google.storage import Storage
from retraining.image_list import ImageList, is_image_list
from retraining.settings import Settings
from retraining.source import Folder, Objects, Source, is_within


def open_source(spec: DatasetSpec, requested: str, settings: Settings, storage: Storage) -> Source:
    """Open the raw data that a run's parameter names, or else the spec.

    The author of a DAG file can name any source. A parameter comes from whoever may trigger a run: it
    reaches only what the deployment allows, and any other is refused without a look whether it exists.

    Args:
        spec: the dataset; a relative source is below the source root.
        requested: a folder, a file or a `gs://` URI in place of the spec's; empty for the spec's.
        settings: the deployment.
        storage: where objects are read, and made.

    Raises:
        ConfigurationError: the deployment does not allow the source, there is no such folder, it has no
            files, or the source is relative and there is no source root.
    """
    source = requested or spec.source
    location = _resolve(source, settings)
    within = None
    is_restricted = bool(requested) and requested != spec.source
    if is_restricted:
        within = _check_allowed(requested, location, settings)
    if spec.contract.record_format == "image" and is_image_list(location):

        def check(place: str) -> None:
            if is_restricted:
                _check_allowed(place, place, settings)

        return ImageList(location.rstrip("/"), storage, check=check)
    if (
        settings.source_hint
        and location != source
        and not (location.startswith("gs://") or Path(location).exists())
    ):
        raise ConfigurationError(
            f"source: expected a folder or a file, received {location!r}; {settings.source_hint}"
        )
    found = (
        Objects(location, storage, spec.contract)
        if location.startswith("gs://")
        else Folder(location, storage, spec.contract, within=within)
    )
    if not found.names:
        raise ConfigurationError(f"source: expected at least one file in {location}, received none")
    return found


def _resolve(source: str, settings: Settings) -> str:
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


def _check_allowed(source: str, location: str, settings: Settings) -> list[Path]:
    """Refuse a source that is below none of the deployment's prefixes, and return those that are folders."""
    prefixes = settings.requestable_sources
    folders = [Path(prefix).resolve() for prefix in prefixes if not prefix.startswith("gs://")]
    if location.startswith("gs://"):
        allowed = any(
            location.startswith(f"{prefix.rstrip('/')}/") for prefix in prefixes if prefix.startswith("gs://")
        )
    else:
        allowed = is_within(Path(location).resolve(), folders)
    if not allowed:
        raise ConfigurationError(
            f"source: expected the spec's, or one below {' or '.join(prefixes) or 'none'} "
            f"(PERENNIAL_SOURCE_ROOT, PERENNIAL_SOURCE_PREFIXES), received {source!r}"
        )
    return folders
