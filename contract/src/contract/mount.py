"""Where a job finds the objects of Cloud Storage as files.

Vertex AI mounts every bucket at `/gcs` in a training job; elsewhere `GCS_MOUNT` names the folder.
https://cloud.google.com/vertex-ai/docs/training/cloud-storage-file-system
"""

from __future__ import annotations

import os
from pathlib import Path

MOUNT_VARIABLE = "GCS_MOUNT"
DEFAULT_MOUNT = "/gcs"
SCHEME = "gs://"


def mounted_path(uri: str) -> Path:
    """The file or folder of a `gs://` URI below the mount; any other path as it is."""
    if not uri.startswith(SCHEME):
        return Path(uri)
    return Path(os.environ.get(MOUNT_VARIABLE, DEFAULT_MOUNT)) / uri.removeprefix(SCHEME)


def has_mount() -> bool:
    """Whether buckets can be read as folders here."""
    return Path(os.environ.get(MOUNT_VARIABLE, DEFAULT_MOUNT)).is_dir()
