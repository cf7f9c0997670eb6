from __future__ import annotations

import errno
import gzip
import io
from pathlib import Path

import pytest
import requests
from google.api_core.exceptions import NotFound, ServiceUnavailable

from preprocessing.errors import SourceError, StorageError
from preprocessing.sources import RawStream, is_compressed, open_raw


@pytest.mark.parametrize("name", ["a.csv", "a.csv.GZ"])
def test_open_raw_gives_what_the_file_holds(tmp_path: Path, name: str) -> None:
    data = b"1,2\n"
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("GZ") else data)
    with open_raw(str(tmp_path / name)) as stream:
        assert stream.read(10) == b"1,2\n"


PACKED = gzip.compress(bytes(range(256)) * 40)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no gzip", "Not a gzipped file"),
        (PACKED[: len(PACKED) // 2], "ended before the end-of-stream marker"),
        (PACKED[:-6], "ended before the end-of-stream marker"),
        (PACKED[:-8] + bytes(4) + PACKED[-4:], "CRC check failed"),
        (PACKED[:12] + b"\xff" * 8 + PACKED[20:], "Error -3 while decompressing"),
    ],
)
def test_read_of_a_damaged_file_names_it_and_the_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(data)
    with (
        open_raw(str(path)) as stream,
        pytest.raises(SourceError, match=f"^source {path}: .*{reason}"),
    ):
        list(iter(lambda: stream.read(1 << 16), b""))


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (OSError(errno.EIO, "Input/output error"), SourceError, "Input/output error"),
        (NotFound("GET object a.csv"), SourceError, "404 GET object a.csv"),
        (EOFError("ended"), SourceError, "ended"),
        # Another attempt may succeed.
        (ServiceUnavailable("GET object a.csv"), StorageError, "503 GET object a.csv"),
        (requests.ConnectionError("no route"), StorageError, "no route"),
    ],
)
def test_read_that_fails_names_the_file_and_the_reason(
    error: Exception, kind: type[Exception], reason: str
) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise error

    with pytest.raises(kind) as caught:
        RawStream("gs://b/a.csv", Failing()).read(10)
    assert str(caught.value) == f"source gs://b/a.csv: {reason}"


@pytest.mark.parametrize(
    ("name", "reason"), [("gone.gz", "No such file"), (".", "Is a directory"), ("loop.gz", "symbolic links")]
)
def test_open_raw_of_no_file_names_it_and_the_reason(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "loop.gz").symlink_to(tmp_path / "loop.gz")
    with pytest.raises(SourceError, match=reason) as caught, open_raw(str(tmp_path / name)):
        pass
    assert str(caught.value).startswith(f"source {tmp_path / name}: ")


def test_is_compressed_looks_at_the_end_of_the_name() -> None:
    assert [is_compressed(uri) for uri in ("gs://b/a.csv.gz", "gs://b/a.gz/part.csv")] == [True, False]
