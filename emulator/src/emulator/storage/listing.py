"""Listing of objects and prefixes, page by page.

https://cloud.google.com/storage/docs/json_api/v1/objects/list
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from emulator.errors import InvalidArgument, Unimplemented
from emulator.storage.metadata import StoredObject
from emulator.storage.store import ObjectStore

_PART = re.compile(r"\*\*/|\*\*|\*|\?|\[[!^]?[^]]+\]|\\.|[{},]|.", re.DOTALL)
_TRANSLATION = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
MAX_RESULTS = 1000
_HIGHEST = 1 << 63


def glob_pattern(glob: str) -> re.Pattern[str]:
    """Return the pattern of a glob, for whole names.

    `*` and `?` stop at a slash, `**` doesn't; `[abc]`, `[!abc]`, `{one,other}` and a backslash before any of
    these are understood.
    """
    pattern, depth = "", 0
    for part in _PART.findall(glob):
        if part in _TRANSLATION:
            pattern += _TRANSLATION[part]
        elif part[0] == "[" and len(part) > 1:
            inner = part[1:-1].replace("\\", r"\\").replace("[", r"\[")
            pattern += f"[^{inner[1:]}]" if inner[0] in "!^" else f"[{inner}]"
        elif part == "{":
            pattern, depth = f"{pattern}(?:", depth + 1
        elif part == "}" and depth:
            pattern, depth = f"{pattern})", depth - 1
        elif part == "," and depth:
            pattern += "|"
        else:
            pattern += re.escape(part[-1])
    return re.compile(pattern + ")" * depth, re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class ListRequest:
    """Parameters of `objects.list`.

    Attributes:
        prefix: only names that begin so.
        delimiter: names that have it behind the prefix are folded into one prefix; empty for none.
        include_trailing_delimiter: objects that end in the delimiter are shown besides their prefix.
        match_glob: only names that fit; empty for all.
        start_offset: only names from here on.
        end_offset: only names before this one; empty for all.
        page_token: `next_page_token` of the page before; empty for the first.
        after: only names and prefixes behind this one; empty for all.
        max_results: the most objects and prefixes of a page.
        versions: noncurrent versions are listed too.
    """

    prefix: str = ""
    delimiter: str = ""
    include_trailing_delimiter: bool = False
    match_glob: str = ""
    start_offset: str = ""
    end_offset: str = ""
    page_token: str = ""
    after: str = ""
    max_results: int = MAX_RESULTS
    versions: bool = False

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> ListRequest:
        """Parse the query of a request.

        Raises:
            InvalidArgument: a parameter has a value that it can't have.
            Unimplemented: soft-deleted objects were asked for.
        """
        if _flag(parameters, "softDeleted"):
            raise Unimplemented("Soft-deleted objects are not emulated.")
        limit = parameters.get("maxResults", str(MAX_RESULTS))
        if not limit.isdecimal() or int(limit) < 1:
            raise InvalidArgument(f"maxResults: expected a number from 1, received {limit!r}")
        return cls(
            prefix=parameters.get("prefix", ""),
            delimiter=parameters.get("delimiter", ""),
            include_trailing_delimiter=_flag(parameters, "includeTrailingDelimiter"),
            match_glob=parameters.get("matchGlob", ""),
            start_offset=parameters.get("startOffset", ""),
            end_offset=parameters.get("endOffset", ""),
            page_token=parameters.get("pageToken", ""),
            max_results=min(int(limit), MAX_RESULTS),
            versions=_flag(parameters, "versions"),
        )


@dataclass(frozen=True, kw_only=True)
class Page:
    """Page of a listing.

    Attributes:
        objects: in the order of their names.
        prefixes: in their order.
        next_page_token: asks for the next page; empty on the last.
    """

    objects: list[StoredObject]
    prefixes: list[str]
    next_page_token: str


def list_objects(store: ObjectStore, bucket: str, request: ListRequest) -> Page:
    """Return a page of a bucket's objects.

    Raises:
        NoSuchBucket: it isn't there.
        InvalidArgument: the page token is none of ours.
    """
    objects: list[StoredObject] = []
    prefixes: list[str] = []
    last = ("", 0)
    for name, found in _entries(store, bucket, request):
        if len(objects) + len(prefixes) >= request.max_results:
            return Page(objects=objects, prefixes=prefixes, next_page_token=_token(*last))
        if found is None:
            prefixes.append(name)
        else:
            objects.append(found)
        last = (name, found.generation if found else 0)
    return Page(objects=objects, prefixes=prefixes, next_page_token="")


def _entries(
    store: ObjectStore, bucket: str, request: ListRequest
) -> Iterator[tuple[str, StoredObject | None]]:
    """Yield objects with their names, and prefixes (`None`), after the page token."""
    after, generation = _position(request.page_token) if request.page_token else (request.after, _HIGHEST)
    pattern = glob_pattern(request.match_glob) if request.match_glob else None
    names = store.names(
        bucket, prefix=request.prefix, start=max(request.start_offset, after), end=request.end_offset,
        # A folder's first name speaks for all of them only if nothing else is asked of a name.
        shallow=request.delimiter == "/" and pattern is None, versions=request.versions,
    )  # fmt: skip
    previous = ""
    for name in names:
        if pattern is not None and pattern.fullmatch(name) is None:
            continue
        head, delimiter, _ = name[len(request.prefix) :].partition(request.delimiter or "\0")
        entry = request.prefix + head + delimiter
        if entry == previous:
            continue
        previous = entry
        if delimiter and entry != after:
            yield entry, None
        if not delimiter or (request.include_trailing_delimiter and entry.endswith("/")):
            for found in _objects(store, bucket, entry, versions=request.versions):
                is_known = found.generation <= generation if request.versions else generation > 0
                if entry != after or not is_known:
                    yield entry, found


def _objects(store: ObjectStore, bucket: str, name: str, *, versions: bool) -> list[StoredObject]:
    if versions:
        return store.generations(bucket, name)
    live = store.find(bucket, name)
    return [] if live is None else [live]


def _flag(parameters: Mapping[str, str], name: str) -> bool:
    # The Python client writes `True`, others `true`.
    return parameters.get(name, "").lower() == "true"


def _token(name: str, generation: int) -> str:
    return base64.urlsafe_b64encode(f"{name}\n{generation}".encode()).decode()


def _position(token: str) -> tuple[str, int]:
    """Return the name and the generation that a page ended with."""
    try:
        name, _, generation = base64.urlsafe_b64decode(token).decode().rpartition("\n")
        return name, int(generation)
    except (binascii.Error, ValueError) as error:
        raise InvalidArgument(f"pageToken: expected the last page's, received {token!r}") from error
