"""Coverage document, made from the route table and the docstrings of the services."""

from __future__ import annotations

import importlib
import inspect
import tempfile
from pathlib import Path

from starlette.requests import Request

from emulator.config import Config
from emulator.errors import PermissionDenied
from emulator.limits import limits_table
from emulator.routing import Match, Service
from emulator.server import create_services
from emulator.state import State

_HEAD = """\
# What the emulator covers

Made by `perennial-emulator --coverage` from the route table. A method that isn't covered answers 501 with its
name, as does a path that no service here has.

A fault can be set for every method by its name (`POST /_emulator/faults` with
`{"target": "storage.objects.get", "http_status": 503, "count": 2}`) and for the hooks `failed_deploy`,
`slow_start`, `preemption` and `lagging_lists` (a new job is in no list for `delay_seconds`); `GET` lists the
pending ones, `DELETE` removes them.

A request needs a bearer token that the emulator issued, a token that one of its service accounts signed, or a
signed URL; else it answers 401, and 403 if its account lacks the method's permission
(`src/emulator/iam/permissions.py`). `--accounts FILE` says which account holds which, and `ROOT/audit.jsonl`
records who used what.

Requests of web pages answer 403, whatever the method: a `Host` other than a loopback name or a name of
`--allow-host`, an `Origin`, or a `Sec-Fetch-Site` other than `none` and `same-origin`.
"""


_LIMITS = """\
What is above is refused. The reads of logs, the quotas of accelerators, whether accelerators are pretended
and the time of a deployment are options of the command line (`--log-reads`, `--quota`,
`--pretend-accelerators`, `--deploy-seconds`), as are networks, subnetworks and APIs that aren't enabled
(`--network`, `--subnetwork`, `--disable-api`).
"""


def coverage_document() -> str:
    """Return the text of `docs/coverage.md`."""
    with tempfile.TemporaryDirectory() as folder:
        state = State(Path(folder) / "state.sqlite")
        services = create_services(Config(Path(folder), 0), state, _refuse)
        sections = [_section(name, service) for name, service in services.items()]
        for service in services.values():
            service.stop()
        state.close()
    return "\n".join([_HEAD, f"## Limits\n\n{_LIMITS}\n{limits_table()}", *sections])


async def _refuse(_request: Request, _match: Match) -> None:
    raise PermissionDenied("No request is answered while the document is made.")


def _section(package: str, service: Service) -> str:
    title, _, text = (inspect.getdoc(importlib.import_module(f"emulator.{package}")) or package).partition(
        "\n"
    )
    covered = sum(route.handler is not None for route in service.routes)
    lines = [f"## {title.rstrip('.')}", text, "", f"{covered} of {len(service.routes)} routes.", ""]
    lines += ["| method | request | covered |", "|---|---|---|"]
    for route in service.routes:
        covered_mark = "yes" if route.handler else "no"
        lines.append(f"| `{route.api_method}` | `{route.http_method} {route.template}` | {covered_mark} |")
    return "\n".join(lines) + "\n"
