"""Seeded requests made from the route table: right ones, and ones with a client's mistakes."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from emulator.routing import Route

_NO_CONTROL = dict.fromkeys(range(32))
_VARIABLE = re.compile(r"\{([\w.]+)(?:=([^{}]+))?\}")
_TEXTS = (
    "a", "fuzz-bucket", "x/y", "0", "-1", "1e9", "9" * 400, "²", "\0", "\r\nX: y", "..",
    "../../etc/passwd", "a//b", "ü" * 600, "x" * 5000, "\U0001f600", "%", "%00", "%ff", "*", "[",
    "projects/p", "true", "null", "2020-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59", "AAAA", "e30=", "bytes=0-",
)  # fmt: skip
_QUERY = (
    "alt", "delimiter", "endOffset", "fields", "filter", "generation", "ifGenerationMatch",
    "ifMetagenerationMatch", "includeTrailingDelimiter", "interval.endTime", "interval.startTime",
    "aggregation.alignmentPeriod", "aggregation.perSeriesAligner", "location", "matchGlob",
    "maxResults", "minimumImportance", "name", "orderBy", "pageSize", "pageToken", "permissions",
    "prefix", "projection", "readMask", "sourceGeneration", "startOffset", "startTime", "updateMask",
    "upload_id", "uploadType", "uploads", "uploadId", "partNumber", "versions", "view", "softDeleted",
    "project", "userProject", "contentEncoding",
)  # fmt: skip
_NAMES = (
    "name", "metadata", "labels", "contentType", "bindings", "destination", "sourceObjects",
    "objectPreconditions", "displayName", "jobSpec", "workerPoolSpecs", "machineSpec", "replicaCount",
    "studySpec", "parameters", "metrics", "trialJobSpec", "maxTrialCount", "parallelTrialCount",
    "model", "endpoint", "containerSpec", "imageUri", "deployedModel", "dedicatedResources",
    "trafficSplit", "instances", "httpBody", "filter", "resourceNames", "pageSize", "pageToken",
    "orderBy", "environment", "steps", "requestedState", "type", "location", "versioning", "lifecycle",
    "rule", "cors", "target", "count", "artifactUri", "versionAliases", "customTime", "storageClass",
    "iamConfiguration", "softDeletePolicy", "website", "updateMask", "lifetime", "scope", "payload",
    "id",
)  # fmt: skip
_HEADERS = (
    "range", "content-range", "content-type", "content-encoding", "content-md5", "if-match",
    "if-none-match", "x-goog-hash", "x-goog-meta-a", "x-goog-if-generation-match", "x-goog-copy-source",
    "x-upload-content-length", "x-upload-content-type", "accept-encoding", "transfer-encoding-x",
    "x-http-method-override",
)  # fmt: skip
_RAW = (
    b"", b"{", b"[]", b"null", b'"x"', b'{"a": NaN}', b'{"name": "\\ud800"}', b'{"a": 1, "a": 2}',
    b"\xff\xfe", b"[" * 20_000, b'{"a":' * 5000 + b"1" + b"}" * 5000, b'{"a": 1e999}',
    b"\x1f\x8b\x08\x00junk", b"\0" * 100, b'<!DOCTYPE x [<!ENTITY a "aa">]><x>&a;</x>',
    b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>",
)  # fmt: skip
_MULTIPART = (
    b"", b"--b\r\n\r\n{}\r\n--b\r\n\r\nx\r\n--b--", b"--b\n\n{\n--b\n\nx\n--b--", b"--b--",
    b"--b\r\nContent-Type: application/http\r\n\r\nGET /storage/v1/b HTTP/1.1\r\n\r\n\r\n--b--",
    b"--b\r\nContent-Type: application/http\r\n\r\nGET\r\n--b\r\n\r\n\xff\xfe /\xff HTTP/1.1\r\n--b--",
    b'--b\r\n\r\n{"name": "fuzzed", "metadata": {"\\u0416 x": "\\u0416"}}\r\n--b\r\n\r\nx\r\n--b--',
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FuzzedRequest:
    """Request as it goes over the wire."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def fuzzed_requests(routes: Sequence[Route], *, seed: int, number: int) -> Iterator[FuzzedRequest]:
    """Yield requests to the routes; the same ones for the same seed.

    Args:
        routes: of all services.
        seed: of the choices.
        number: how many.
    """
    source = random.Random(seed)
    covered = [route for route in routes if route.handler is not None]
    for _ in range(number):
        yield _request(source, source.choice(covered if source.random() < 0.95 else list(routes)))


def _request(source: random.Random, route: Route) -> FuzzedRequest:
    path = _VARIABLE.sub(lambda found: _segment(source, found[2] or "*"), route.template)
    parameters = source.sample(_QUERY, source.choice((0, 0, 1, 2, 4)))
    query = "&".join(f"{name}={_quoted(source, source.choice(_TEXTS))}" for name in parameters)
    if route.template.startswith(("/upload", "/resumable")) and source.random() < 0.8:
        query += f"&name=fuzzed&uploadType={source.choice(('media', 'multipart', 'resumable'))}"
    headers = {
        name: source.choice(_TEXTS)
        .encode("latin-1", "replace")
        .decode("latin-1")
        .translate(dict.fromkeys(range(32)))
        for name in source.sample(_HEADERS, source.choice((0, 0, 1, 2)))
    }
    method = route.http_method if source.random() < 0.97 else source.choice(("GET", "PUT", "POST", "DELETE"))
    body = _body(source, headers) if method in {"POST", "PUT", "PATCH"} else b""
    mark = "&" if "?" in route.template else "?"
    return FuzzedRequest(
        method=method, target=f"{path}{mark}{query}" if query else path, headers=headers, body=body
    )


def _segment(source: random.Random, pattern: str) -> str:
    known = {"*": "fuzz-bucket", "**": "a/b"}
    parts = re.split(r"(\*\*|\*)", pattern)
    return "".join(
        (known[part] if source.random() < 0.7 else _quoted(source, source.choice(_TEXTS)))
        if part in known
        else part
        for part in parts
    )


def _quoted(source: random.Random, text: str) -> str:
    return (
        source.choice(("%FF", "%C0%AF", "%ED%A0%80", "%")) if source.random() < 0.05 else quote(text, safe="")
    )


def _body(source: random.Random, headers: dict[str, str]) -> bytes:
    kind = source.random()
    if kind < 0.15:
        headers["content-type"] = "multipart/related; boundary=b"
        return source.choice(_MULTIPART)
    if kind < 0.3:
        return source.choice(_RAW)
    body = json.dumps(
        {name: _value(source, 4) for name in source.sample(_NAMES, source.randrange(6))}
    ).encode()
    if kind < 0.4:
        headers["content-encoding"] = "gzip"
        return gzip.compress(body if kind < 0.38 else b"0" * (12 << 20), 1)
    return body


def _value(source: random.Random, depth: int) -> Any:
    kind = source.randrange(8 if depth else 6)
    if kind == 6:
        return {source.choice(_NAMES): _value(source, depth - 1) for _ in range(source.randrange(4))}
    if kind == 7:
        return [_value(source, depth - 1) for _ in range(source.randrange(3))]
    numbers = (0, -1, 1 << 70, 1.5, True, None)
    return source.choice(_TEXTS) if kind < 4 else source.choice(numbers)
