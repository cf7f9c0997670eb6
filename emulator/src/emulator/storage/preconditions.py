"""Preconditions of requests.

https://cloud.google.com/storage/docs/request-preconditions
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from emulator.errors import InvalidArgument, NotModified, PreconditionFailed
from emulator.storage.errors import NoSuchObject
from emulator.storage.metadata import StoredObject

_MOST_DIGITS = 19


@dataclass(frozen=True, kw_only=True)
class Preconditions:
    """Preconditions on the live object; `None` is no condition.

    Attributes:
        generation: the request is about this generation alone; any other doesn't exist for it.
        generation_match: the object's generation; 0 if there must be none.
        generation_not_match: another than the object's generation; 0 if there must be one.
        metageneration_match: the object's metageneration.
        metageneration_not_match: another than the object's metageneration.
        etag_match: the object's etag, or `*` for any.
        etag_not_match: another than the object's etag, or `*` for none.
    """

    generation: int | None = None
    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None
    etag_match: str | None = None
    etag_not_match: str | None = None

    @classmethod
    def from_request(cls, parameters: Mapping[str, str], headers: Mapping[str, str]) -> Preconditions:
        """Parse the conditions on the object that a request is about.

        Args:
            parameters: the query; the JSON API's conditions.
            headers: lower-case names; HTTP's and the XML API's conditions.

        Raises:
            InvalidArgument: a number was expected.
        """
        return cls(
            generation=_number(parameters, "generation"),
            generation_match=_either(parameters, headers, "GenerationMatch", "generation-match"),
            generation_not_match=_number(parameters, "ifGenerationNotMatch"),
            metageneration_match=_either(parameters, headers, "MetagenerationMatch", "metageneration-match"),
            metageneration_not_match=_number(parameters, "ifMetagenerationNotMatch"),
            etag_match=_etag(headers.get("if-match")),
            etag_not_match=_etag(headers.get("if-none-match")),
        )

    @classmethod
    def on_source(cls, parameters: Mapping[str, str]) -> Preconditions:
        """Parse the conditions on the object that a request copies from.

        Raises:
            InvalidArgument: a number was expected.
        """
        return cls(
            generation=_number(parameters, "sourceGeneration"),
            generation_match=_number(parameters, "ifSourceGenerationMatch"),
            generation_not_match=_number(parameters, "ifSourceGenerationNotMatch"),
            metageneration_match=_number(parameters, "ifSourceMetagenerationMatch"),
            metageneration_not_match=_number(parameters, "ifSourceMetagenerationNotMatch"),
        )

    def check_write(self, found: StoredObject | None) -> None:
        """Check the conditions for replacing `found`, or for a new object where it is `None`.

        Raises:
            PreconditionFailed: a condition doesn't hold.
        """
        generation = found.generation if found else 0
        metageneration = found.metageneration if found else None
        if (
            _differs(self.generation_match, generation)
            or self.generation_not_match == generation
            or _differs(self.metageneration_match, metageneration)
            or (self.metageneration_not_match is not None and self.metageneration_not_match == metageneration)
            or (self.etag_match is not None and not _has_etag(found, self.etag_match))
            or (self.etag_not_match is not None and _has_etag(found, self.etag_not_match))
        ):
            raise PreconditionFailed("At least one of the pre-conditions you specified did not hold.")

    def check_existing(self, found: StoredObject) -> None:
        """Check the conditions for changing, copying or deleting `found`.

        Raises:
            NoSuchObject: another generation was asked for.
            PreconditionFailed: a condition doesn't hold.
        """
        if _differs(self.generation, found.generation):
            raise NoSuchObject(found.bucket, f"{found.name}#{self.generation}")
        self.check_write(found)

    def check_read(self, found: StoredObject) -> None:
        """Check the conditions for reading `found`.

        Raises:
            NoSuchObject: another generation was asked for.
            NotModified: the caller has this one already.
            PreconditionFailed: another condition doesn't hold.
        """
        if (
            self.generation_not_match == found.generation
            or self.metageneration_not_match == found.metageneration
            or (self.etag_not_match is not None and _has_etag(found, self.etag_not_match))
        ):
            raise NotModified
        self.check_existing(found)

    def to_json(self) -> dict[str, Any]:
        """Return the conditions as plain JSON values; `Preconditions(**value)` reads them."""
        return asdict(self)


def _differs(expected: int | None, found: int | None) -> bool:
    return expected is not None and expected != found


def _has_etag(found: StoredObject | None, etag: str) -> bool:
    return found is not None and etag in {"*", found.etag}


def _either(
    parameters: Mapping[str, str], headers: Mapping[str, str], parameter: str, header: str
) -> int | None:
    number = _number(parameters, f"if{parameter}")
    return _number(headers, f"x-goog-if-{header}") if number is None else number


def _number(values: Mapping[str, str], name: str) -> int | None:
    text = values.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise InvalidArgument(f"{name}: expected a number, received {text[:80]!r}")
    return int(text)


def _etag(text: str | None) -> str | None:
    return text.strip().strip('"') if text else None
