"""Files of a batch prediction job: instances in JSON Lines, and what became of each.

https://cloud.google.com/vertex-ai/docs/predictions/get-batch-predictions
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from google.rpc import code_pb2

from emulator.errors import InvalidArgument
from emulator.json_bodies import parse_json
from emulator.storage.names import split_uri, uri_path

_WILDCARD = re.compile(r"[*?]")


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One line of the input.

    Attributes:
        sent: what the model gets.
        shown: fields of the output's line that say which instance it was.
        error: why the line is none; empty if it is one.
    """

    sent: Any = None
    shown: dict[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class InstanceShape:
    """How a line becomes an instance: the job's InstanceConfig.

    Attributes:
        instance_type: `object`, `array`, or empty for what the line is.
        key_field: field that stands for the instance in the output; empty for the whole instance.
        included: names of the fields that are sent, in the order of an array; empty for all.
        excluded: names of fields that are not sent.
    """

    instance_type: str = ""
    key_field: str = ""
    included: Sequence[str] = ()
    excluded: Sequence[str] = ()

    @classmethod
    def of(cls, config: Any) -> InstanceShape:
        """Return the shape that an InstanceConfig describes.

        Raises:
            InvalidArgument: two of its fields contradict each other.
        """
        shape = cls(
            instance_type=config.instance_type,
            key_field=config.key_field,
            included=tuple(config.included_fields),
            excluded=tuple(config.excluded_fields),
        )
        if shape.instance_type not in ("", "object", "array"):
            raise InvalidArgument(
                f"instance_config.instance_type: expected object or array, received {shape.instance_type!r}"
            )
        if shape.included and shape.excluded:
            raise InvalidArgument("instance_config.excluded_fields: expected none beside included_fields")
        return shape

    def instance(self, line: str, where: str) -> Instance:
        """Return the instance of a line; one with an error if it is none.

        Args:
            line: of the file.
            where: the file and the line's number, as the error names it.
        """
        try:
            value = parse_json(line.encode(errors="surrogateescape"))
        except InvalidArgument as error:
            return Instance(shown={"instance": line}, error=f"{where}: {error.message}")
        selects = self.key_field or self.included or self.excluded or self.instance_type == "object"
        if not isinstance(value, dict):
            if selects:
                return Instance(shown={"instance": value}, error=f"{where}: expected a JSON object")
            return Instance(sent=value, shown={"instance": value})
        missing = [name for name in (*self.included, *filter(None, [self.key_field])) if name not in value]
        if missing:
            return Instance(
                shown={"instance": value}, error=f"{where}: expected the fields {missing}, received none"
            )
        shown = {"key": value[self.key_field]} if self.key_field else {"instance": value}
        names = self.included or [
            name for name in value if name not in self.excluded and name != self.key_field
        ]
        chosen = {name: value[name] for name in names}
        return Instance(sent=list(chosen.values()) if self.instance_type == "array" else chosen, shown=shown)


def find_files(buckets: Path, uris: Sequence[str]) -> list[tuple[str, Path]]:
    """Return the URI and path of each input file; in a URI, `*` and `?` stand for any part of a name.

    Raises:
        InvalidArgument: a URI is none, or no object has it.
    """
    found: list[tuple[str, Path]] = []
    for uri in uris:
        matching = list(_matching(buckets, uri)) if _WILDCARD.search(uri) else [uri]
        files = [(name, path) for name in matching if (path := uri_path(buckets, name)).is_file()]
        if not files:
            raise InvalidArgument(f"input_config.gcs_source.uris: expected an object, received none at {uri}")
        found += files
    return found


def _matching(buckets: Path, pattern: str) -> Iterator[str]:
    bucket, name = split_uri(pattern)
    root = buckets / bucket
    for path in sorted((root / _WILDCARD.split(name)[0].rpartition("/")[0]).rglob("*")):
        uri = f"gs://{bucket}/{path.relative_to(root)}"
        if path.is_file() and fnmatchcase(uri, pattern):
            yield uri


def read_instances(files: Sequence[tuple[str, Path]], shape: InstanceShape) -> Iterator[Instance]:
    """Yield the instance of each line that is not empty."""
    for uri, path in files:
        with path.open(encoding="utf-8", errors="surrogateescape") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield shape.instance(line.rstrip("\n"), f"{uri}, line {number}")


class BatchOutput:
    """Output folder of a job: its files appear together, when all is written."""

    RESULTS = "prediction.results-00000-of-00001"
    ERRORS = "prediction.errors_stats-00000-of-00001"

    def __init__(self, scratch: Path) -> None:
        """Open the files.

        Args:
            scratch: an existing folder outside the buckets.
        """
        self.succeeded = self.failed = 0
        self._paths = {name: scratch / name for name in (self.RESULTS, self.ERRORS)}
        self._files: dict[str, IO[str]] = {}

    def __enter__(self) -> Self:
        """Begin anew: an emulator that was killed may have left a part."""
        self._files = {name: path.open("w", encoding="utf-8") for name, path in self._paths.items()}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()

    def add(self, instance: Instance, prediction: Any) -> None:
        """Write the prediction for an instance."""
        self._write(self.RESULTS, {**instance.shown, "prediction": prediction})
        self.succeeded += 1

    def refuse(self, instance: Instance, message: str, code: int = code_pb2.INVALID_ARGUMENT) -> None:
        """Write the error for an instance."""
        self._write(self.ERRORS, {**instance.shown, "error": {"code": code, "message": message}})
        self.failed += 1

    def publish(self, folder: Path) -> None:
        """Put the files into a folder of a bucket; one of errors is always there, as with the service."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, path in self._paths.items():
            hidden = path.with_name(f"{name}.copy")
            shutil.copyfile(path, hidden)
            hidden.replace(folder / name)

    def _write(self, name: str, document: dict[str, Any]) -> None:
        self._files[name].write(json.dumps(document, ensure_ascii=True) + "\n")
