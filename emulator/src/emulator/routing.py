"""Route table of all services, matched on the percent-encoded path as Google's servers do.

The templates' syntax: https://github.com/googleapis/googleapis/blob/master/google/api/http.proto
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from emulator.errors import InvalidArgument

Handler: TypeAlias = Callable[[Request, Mapping[str, str]], Awaitable[Response]]

_VARIABLE = re.compile(r"\{([\w.]+)(?:=([^{}]+))?\}|([^{}]+)")
# A `*` never swallows a slash or the `:verb` behind it: `models/1:export` is no model `1:export`.
_SEGMENT, _NO_VERB = "[^/]+", "[^/:]+"
_WILDCARDS = {"*": _NO_VERB, "**": ".+"}
_INNER = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True)
class Route:
    """Method of a service, with its HTTP method and path template.

    Attributes:
        service: the service's name, as the coverage document shows it.
        api_method: the method's full name, `storage.objects.get` for instance; faults are set by it.
        http_method: `GET`, `POST`, ...
        template: an http rule's path, `/v1/{name=projects/*/models/*}:export` for instance. Behind a `?` are
            names of parameters that the query must have, with `&` between them.
        handler: handles a request; `None` answers 501 with the method's name.
    """

    service: str
    api_method: str
    http_method: str
    template: str
    handler: Handler | None


@dataclass(frozen=True)
class Match:
    """Route that fits a request, and its decoded path fields."""

    route: Route
    fields: Mapping[str, str]


@dataclass(frozen=True)
class _Entry:
    pattern: re.Pattern[str]
    names: list[str]
    parameters: frozenset[str]
    route: Route


class Router:
    """Router of requests; among several routes that fit, the first in the table is taken."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._by_start: dict[str, list[_Entry]] = defaultdict(list)
        with_verbs = {
            _start(route.template) for route in self.routes if ":" in _INNER.sub("", route.template)
        }
        for route in self.routes:
            path, _, query = route.template.partition("?")
            pattern, names = compile_template(path, has_verbs=_start(path) in with_verbs)
            parameters = frozenset(query.split("&")) if query else frozenset()
            self._by_start[_start(path)].append(_Entry(pattern, names, parameters, route))

    def match(
        self, http_method: str, raw_path: str, parameters: Container[str] = frozenset()
    ) -> Match | None:
        """Return the route for a percent-encoded path and the names of a query's parameters, or `None`.

        A path that begins as some API does (`/v1/...`) never matches a template that begins with a variable
        (`/{bucket}/{object=**}`): an unknown method must not be taken for an object of a bucket called `v1`.

        Raises:
            InvalidArgument: the path isn't UTF-8.
        """
        start = _start(raw_path)
        for entry in self._by_start.get(start) or self._by_start.get("{", []):
            found = entry.pattern.fullmatch(raw_path)
            if found is None or entry.route.http_method != http_method:
                continue
            if all(name in parameters for name in entry.parameters):
                return Match(entry.route, dict(zip(entry.names, map(_decoded, found.groups()), strict=True)))
        return None


def compile_template(template: str, *, has_verbs: bool = True) -> tuple[re.Pattern[str], list[str]]:
    """Return the pattern of an http rule's path, and the names of its groups in order.

    Args:
        template: the path.
        has_verbs: a `:` in the last segment begins a verb. In other segments, a project of a domain's for
            instance (`projects/example.com:name`), and in APIs without verbs it is a part of the name.
    """
    names: list[str] = []
    pattern = ""
    for name, inner, literal in _VARIABLE.findall(template):
        if name:
            names.append(name)
            pattern += f"({_segments(inner or '*')})"
        else:
            pattern += _segments(literal)
    if not has_verbs:
        return re.compile(pattern.replace(_NO_VERB, _SEGMENT)), names
    return re.compile(pattern.replace(f"{_NO_VERB}/", f"{_SEGMENT}/")), names


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"URL: expected UTF-8, percent-encoded, received {text[:80]!r}") from error


def _segments(text: str) -> str:
    return "".join(_WILDCARDS.get(part) or re.escape(part) for part in re.split(r"(\*\*|\*)", text))


def _start(path: str) -> str:
    """Return the first segment of a path or template; `{` for one that begins with a variable."""
    return "{" if path.startswith("/{") else path.removeprefix("/").partition("/")[0]


class Service(Protocol):
    """Emulated service: its routes, and its background work."""

    @property
    def routes(self) -> list[Route]:
        """Every method that the service has, also those that aren't emulated."""

    def start(self) -> None:
        """Resume what ran before; called once, in a thread, before the first request."""

    def stop(self) -> None:
        """Stop child processes; called once, in a thread, after the last request."""
