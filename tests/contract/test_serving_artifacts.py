"""A model of Cloud Storage on its way into the prediction server's cache, with Google's client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage

from serving.artifacts import local_folder
from serving.errors import ModelError

FILES = {
    "saved_model.pb": b"graph",
    "variables/variables.index": b"index",
    "variables/variables.data-00000-of-00001": bytes(1_000_000),
}


@pytest.fixture
def bucket(emulator: Any, monkeypatch: pytest.MonkeyPatch) -> storage.Bucket:
    for variable, value in emulator.environment.items():
        monkeypatch.setenv(variable, value)
    client = storage.Client(credentials=emulator.credentials)
    bucket = client.bucket("serving-artifacts")
    return bucket if bucket.exists() else client.create_bucket(bucket)


@pytest.fixture
def upload(bucket: storage.Bucket) -> Callable[..., str]:
    def run(name: str, files: dict[str, bytes] = FILES) -> str:
        for path, content in files.items():
            bucket.blob(f"{name}/{path}").upload_from_string(content)
        return f"gs://{bucket.name}/{name}/"

    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_local_folder_of_a_uri_downloads_every_object(upload: Callable[..., str], tmp_path: Path) -> None:
    folder = local_folder(upload("first"), cache=tmp_path)
    assert contents(folder) == FILES
    assert list(tmp_path.iterdir()) == [folder]


def test_local_folder_a_second_time_downloads_nothing(upload: Callable[..., str], tmp_path: Path) -> None:
    uri = upload("second")
    folder = local_folder(uri, cache=tmp_path)
    (folder / "saved_model.pb").write_bytes(b"still here")
    assert local_folder(uri.rstrip("/"), cache=tmp_path) == folder
    assert local_folder(uri, cache=tmp_path) == folder
    assert (folder / "saved_model.pb").read_bytes() == b"still here"


def test_local_folder_after_the_model_changed_downloads_it_anew(
    upload: Callable[..., str], tmp_path: Path
) -> None:
    first = local_folder(upload("third"), cache=tmp_path)
    second = local_folder(upload("third", {**FILES, "saved_model.pb": b"other"}), cache=tmp_path)
    assert first != second
    assert (second / "saved_model.pb").read_bytes() == b"other"


def test_local_folder_does_not_take_a_neighbour_with_the_same_beginning(
    upload: Callable[..., str], tmp_path: Path
) -> None:
    upload("model-10")
    with pytest.raises(ModelError, match="received 'gs://serving-artifacts/model-1' with 0 objects"):
        local_folder("gs://serving-artifacts/model-1", cache=tmp_path)


def test_local_folder_without_a_saved_model_says_what_it_found(
    upload: Callable[..., str], tmp_path: Path
) -> None:
    uri = upload("data", {"train.tfrecord": b""})
    with pytest.raises(ModelError, match=r"expected a gs:// URI with saved_model.pb below it, .* 1 objects"):
        local_folder(uri, cache=tmp_path)
    assert not list(tmp_path.iterdir())
