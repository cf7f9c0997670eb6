"""Fetches a file whose checksum is known."""

from __future__ import annotations

import hashlib
import os
import ssl
import time
from pathlib import Path

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from samples.errors import SampleError
from samples.sample import Progress

_TIMEOUT_SECONDS = 60
_ATTEMPTS = 5
_LONGEST_PAUSE_SECONDS = 20.0
_PROGRESS_SECONDS = 2.0
_CHUNK_BYTES = 1 << 20


def download(url: str, file: Path, *, sha256: str, progress: Progress) -> None:
    """Stream a URL into a file; broken connections and busy servers are tried again.

    Args:
        url: http or https.
        file: what is at this path is only ever read again if this call has returned.
        sha256: of the content, in hexadecimal digits.
        progress: gets a line every few seconds.

    Raises:
        SampleError: the server does not answer, refuses, or sends other content.
    """
    name = url.rsplit("/", 1)[-1]

    def say_again(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        progress(f"{name}: {_words(error)}; try {state.attempt_number + 1} of {_ATTEMPTS}")

    attempts = Retrying(
        retry=retry_if_exception(_is_passing),
        wait=wait_exponential_jitter(initial=0.5, max=_LONGEST_PAUSE_SECONDS),
        stop=stop_after_attempt(_ATTEMPTS),
        before_sleep=say_again,
        reraise=True,
    )
    try:
        received = attempts(_stream, url, file, name, progress)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SampleError(url, expected=f"a file with sha256 {sha256}", received=_words(error)) from error
    if received != sha256:
        raise SampleError(url, expected=f"sha256 {sha256}", received=f"sha256 {received}")


def sha256_of(file: Path) -> str:
    """The checksum of a file, in hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _stream(url: str, file: Path, name: str, progress: Progress) -> str:
    """One attempt; returns the checksum of what was received."""
    digest = hashlib.sha256()
    with (
        httpx.Client(timeout=_TIMEOUT_SECONDS, follow_redirects=True, verify=_certificates()) as client,
        client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response,
        file.open("wb") as stream,
    ):
        response.raise_for_status()
        total = int(response.headers.get("Content-Length", 0))
        of_all = f" of {total / 1e6:.1f}" if total else ""
        said = time.monotonic()
        # Raw: where a server declares a tarball's own gzip as an encoding, the file must not be unpacked.
        for chunk in response.iter_raw(_CHUNK_BYTES):
            stream.write(chunk)
            digest.update(chunk)
            if time.monotonic() - said > _PROGRESS_SECONDS:
                said = time.monotonic()
                progress(f"{name}: {response.num_bytes_downloaded / 1e6:.1f}{of_all} MB")
    return digest.hexdigest()


def _words(error: BaseException | None) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"{error.response.status_code} {error.response.reason_phrase}"
    return repr(error)


def _is_passing(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        return status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR
    return isinstance(error, httpx.TransportError)


def _certificates() -> ssl.SSLContext:
    """What pip and uv trust behind a company's proxy too; httpx itself looks at SSL_CERT_FILE only."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE")
    if bundle and not os.environ.get("SSL_CERT_FILE"):
        return ssl.create_default_context(cafile=bundle)
    return httpx.create_ssl_context()
