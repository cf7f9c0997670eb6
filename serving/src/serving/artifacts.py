"""Download of a SavedModel from Cloud Storage to a local cache."""

from __future__ import annotations

import hashlib
import logging
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from serving.errors import ModelError

SCHEME = "gs://"
DOWNLOAD_THREADS = 8

_log = logging.getLogger(__name__)


def local_folder(model: str, *, cache: Path) -> Path:
    """Return the folder that holds a SavedModel, downloaded if it is in Cloud Storage.

    Args:
        model: a folder or a `gs://` URI.
        cache: folder of downloads. A download is named by the generations of its objects, so that a
            restarted server reuses it and a changed model is never mistaken for the old one.

    Raises:
        ModelError: no SavedModel is found.
    """
    if not model.startswith(SCHEME):
        folder = Path(model)
        if not (folder / "saved_model.pb").is_file():
            raise ModelError("model", expected="a folder with saved_model.pb", received=repr(model))
        return folder
    return _download(model, cache)


def _download(uri: str, cache: Path) -> Path:
    # Takes a second to import, which a model in a local folder does not need.
    import google.auth
    from google.cloud import storage

    started = time.monotonic()
    bucket_name, _, prefix = uri.removeprefix(SCHEME).partition("/")
    prefix = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
    # Where an emulator's host is named, a client without credentials would be anonymous.
    credentials, _ = google.auth.default(scopes=storage.Client.SCOPE)
    client = storage.Client(credentials=credentials)
    blobs = [blob for blob in client.list_blobs(bucket_name, prefix=prefix) if not blob.name.endswith("/")]
    names = {blob.name.removeprefix(prefix) for blob in blobs}
    if "saved_model.pb" not in names:
        raise ModelError(
            "model",
            expected="a gs:// URI with saved_model.pb below it",
            received=f"{uri!r} with {len(names)} objects",
        )
    key = hashlib.sha256(repr((bucket_name, sorted((blob.name, blob.generation) for blob in blobs))).encode())
    folder = cache / key.hexdigest()[:16]
    if folder.is_dir():
        _log.info("%s is cached in %s", uri, folder)
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=cache, prefix="download-") as temporary,
        ThreadPoolExecutor(DOWNLOAD_THREADS) as pool,
    ):
        root = Path(temporary) / "model"

        def fetch(blob: storage.Blob) -> None:
            path = root / blob.name.removeprefix(prefix)
            if not path.resolve().is_relative_to(root):
                raise ModelError("model", expected="objects below the model", received=repr(blob.name))
            path.parent.mkdir(parents=True, exist_ok=True)
            blob.download_to_filename(str(path), if_generation_match=blob.generation)

        list(pool.map(fetch, blobs))
        try:
            root.rename(folder)
        except OSError:
            # Another server on this machine was faster; its folder has the same generations.
            if not folder.is_dir():
                raise
    size = sum(blob.size for blob in blobs)
    _log.info("%s: %.1f MB in %.1f s", uri, size / 1e6, time.monotonic() - started)
    return folder
