"""Cloud Storage killed under load again and again: what was acknowledged is there afterwards.

`KILLS=100` kills more often; with `-s` the figures are printed.
"""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest
import requests
from google.auth.transport.requests import Request

KILLS = int(os.environ.get("KILLS", "3"))
NAMES = ("a", "deep/b", "deep/er/c")
UPLOAD_ID = "{http://s3.amazonaws.com/doc/2006-03-01/}UploadId"
PART_BYTES = 5 << 20


class Session:
    """Requests with a token, without retries."""

    def __init__(self, emulator) -> None:
        self._url = f"http://127.0.0.1:{emulator.port}"
        self._headers: dict[str, str] = {}
        emulator.credentials.before_request(Request(), "GET", self._url, self._headers)
        self._local = threading.local()

    def __call__(self, method: str, path: str, **options) -> requests.Response:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        headers = {**self._headers, **options.pop("headers", {})}
        answer = self._local.session.request(
            method, f"{self._url}{path}", headers=headers, timeout=30, **options
        )
        assert answer.status_code < 300, (method, path, answer.status_code, answer.text)
        return answer


class Ledger:
    """What one worker was told, and the one request whose answer it didn't get.

    Attributes:
        live: the content of each object; `None` for one that isn't there.
        pending: name and content of a write under way; content `None` for a deletion.
        generations: what each noncurrent or live generation of a versioned object holds.
        acknowledged: how many writes were.
    """

    def __init__(self) -> None:
        self.live: dict[str, bytes | None] = {}
        self.pending: tuple[str, bytes | None] | None = None
        self.generations: dict[tuple[str, str], bytes] = {}
        self.acknowledged = 0

    def write(self, name: str, content: bytes | None, send: Callable[[], requests.Response]) -> None:
        """Send a write and note its answer."""
        self.pending = (name, content)
        answer = send()
        self.live[name], self.pending = content, None
        self.acknowledged += 1
        if content is not None:
            generation = answer.headers.get("X-Goog-Generation") or answer.json()["generation"]
            self.generations[name, generation] = content


class ObjectWorker:
    """Writes, replaces and deletes objects of a bucket; by multipart uploads, too."""

    def __init__(self, session: Session, bucket: str, seed: int, *, versioned: bool = False) -> None:
        self.ledger = Ledger()
        self._session, self._bucket, self._versioned = session, bucket, versioned
        self._random = random.Random(seed)

    def step(self) -> None:
        """Send one write."""
        name = self._random.choice(NAMES)
        content = self._random.randbytes(self._random.choice((0, 100, 300_000)))
        path = f"/storage/v1/b/{self._bucket}/o/{name.replace('/', '%2F')}"
        kind = self._random.random()
        if kind < 0.2 and self.ledger.live.get(name) is not None:
            self.ledger.write(name, None, lambda: self._session("DELETE", path))
        elif kind < 0.4:
            self._multipart(name, content)
        else:
            upload = f"/upload/storage/v1/b/{self._bucket}/o?uploadType=media&name={name}"
            self.ledger.write(name, content, lambda: self._session("POST", upload, data=content))

    def _multipart(self, name: str, content: bytes) -> None:
        path = f"/{self._bucket}/{name}"
        upload_id = ET.fromstring(self._session("POST", f"{path}?uploads").text).findtext(UPLOAD_ID)
        query = f"{path}?uploadId={upload_id}"
        part = self._session("PUT", f"{query}&partNumber=1", data=content)
        body = f"<Part><PartNumber>1</PartNumber><ETag>{part.headers['ETag']}</ETag></Part>"
        body = f"<CompleteMultipartUpload>{body}</CompleteMultipartUpload>"
        self.ledger.write(name, content, lambda: self._session("POST", query, data=body))

    def check(self) -> None:
        """Compare the bucket with what was acknowledged; the write under way may have come about or not."""
        ledger = self.ledger
        prefix = f"/storage/v1/b/{self._bucket}/o"
        listed = self._session("GET", prefix).json().get("items", [])
        found = {item["name"]: self._content(item) for item in listed}
        for name in NAMES:
            allowed = [ledger.live.get(name)]
            if ledger.pending is not None and ledger.pending[0] == name:
                allowed.append(ledger.pending[1])
            assert found.get(name) in allowed, f"{self._bucket}/{name}: lost"
            ledger.live[name] = found.get(name)
        if self._versioned:
            self._check_versions()
        ledger.pending = None

    def _check_versions(self) -> None:
        ledger, found, token = self.ledger, [], ""
        while token is not None:
            page = self._session(
                "GET", f"/storage/v1/b/{self._bucket}/o?versions=true&maxResults=50&pageToken={token}"
            ).json()
            found += page.get("items", [])
            token = page.get("nextPageToken")
        keys = [(item["name"], item["generation"]) for item in found]
        assert len(keys) == len(set(keys))
        assert set(ledger.generations) <= set(keys), f"{self._bucket}: a version was lost"
        extra = [item for item in found if (item["name"], item["generation"]) not in ledger.generations]
        assert len(extra) <= (ledger.pending is not None)
        for item in extra:
            assert (item["name"], self._content(item)) == ledger.pending
            ledger.generations[item["name"], item["generation"]] = ledger.pending[1]
        for item in found:
            digest = hashlib.md5(self._content(item), usedforsecurity=False).digest()
            expected = ledger.generations[item["name"], item["generation"]]
            assert digest == hashlib.md5(expected, usedforsecurity=False).digest()
        noncurrent = [item for item in found if "timeDeleted" in item]
        assert len(found) - len(noncurrent) == sum(content is not None for content in ledger.live.values())
        # Only so many are kept that a check stays quick.
        for item in noncurrent[:-20]:
            path = f"/storage/v1/b/{self._bucket}/o/{item['name'].replace('/', '%2F')}"
            self._session("DELETE", f"{path}?generation={item['generation']}")
            del ledger.generations[item["name"], item["generation"]]

    def _content(self, item: dict[str, str]) -> bytes:
        path = f"/storage/v1/b/{self._bucket}/o/{item['name'].replace('/', '%2F')}"
        return self._session("GET", f"{path}?alt=media&generation={item['generation']}").content


class UploadWorker:
    """Sends the parts of a multipart upload, which goes on after each kill."""

    def __init__(self, session: Session, bucket: str, seed: int) -> None:
        self.acknowledged = 0
        self._session, self._path = session, f"/{bucket}/large"
        self._random = random.Random(seed)
        self._upload_id, self._etags, self._contents = "", {}, {}

    def step(self) -> None:
        """Send one part."""
        if not self._upload_id:
            answer = self._session("POST", f"{self._path}?uploads")
            self._etags, self._contents = {}, {}
            self._upload_id = ET.fromstring(answer.text).findtext(UPLOAD_ID) or ""
        number = len(self._etags) + 1
        content = self._random.randbytes(8) * (PART_BYTES // 8)
        url = f"{self._path}?uploadId={self._upload_id}"
        part = self._session("PUT", f"{url}&partNumber={number}", data=content)
        self._etags[number], self._contents[number] = part.headers["ETag"], content
        self.acknowledged += 1
        time.sleep(0.2)

    def check(self) -> None:
        """Compare the parts with those that were acknowledged; complete the upload if there are enough."""
        if not self._upload_id:
            return
        url = f"{self._path}?uploadId={self._upload_id}"
        root = ET.fromstring(self._session("GET", url).text)
        found = [item.text for item in root.iter() if item.tag.endswith("ETag")]
        assert found[: len(self._etags)] == list(self._etags.values()), "a part was lost"
        assert len(found) <= len(self._etags) + 1
        if len(self._etags) >= 4:
            parts = "".join(
                f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
                for number, etag in self._etags.items()
            )
            body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"
            self._session("POST", url, data=body)
            assert self._session("GET", self._path).content == b"".join(self._contents.values())
            self._upload_id = ""


def run_until(
    stop: threading.Event, worker: ObjectWorker | UploadWorker, failures: list[BaseException]
) -> None:
    """Let a worker write until the emulator is gone."""
    try:
        while not stop.is_set():
            worker.step()
    except requests.RequestException:
        pass
    except BaseException as error:
        failures.append(error)


@pytest.mark.slow
@pytest.mark.timeout(100 + 20 * KILLS)
def test_nothing_acknowledged_is_lost(emulator_factory):
    emulator = emulator_factory()
    session = Session(emulator)
    workers: list[ObjectWorker | UploadWorker] = []
    for number in range(2):
        for kind, versioned in (("plain", False), ("versioned", True)):
            bucket = f"{kind}-{number}"
            session("POST", "/storage/v1/b", json={"name": bucket, "versioning": {"enabled": versioned}})
            workers.append(ObjectWorker(session, bucket, number, versioned=versioned))
    session("POST", "/storage/v1/b", json={"name": "uploads"})
    workers.append(UploadWorker(session, "uploads", 0))
    waits = random.Random(1)
    for _ in range(KILLS):
        stop, failures = threading.Event(), []
        threads = [threading.Thread(target=run_until, args=(stop, w, failures)) for w in workers]
        for thread in threads:
            thread.start()
        time.sleep(waits.uniform(0.1, 1.0))
        emulator.restart()
        stop.set()
        for thread in threads:
            thread.join()
        assert failures == []
        for worker in workers:
            worker.check()
    written = sum(w.ledger.acknowledged for w in workers if isinstance(w, ObjectWorker))
    parts = sum(w.acknowledged for w in workers if isinstance(w, UploadWorker))
    print(f"{KILLS} kills, {written} acknowledged writes and deletions, {parts} parts of multipart uploads")
    assert written > KILLS
    assert parts > 0
    emulator.stop()
