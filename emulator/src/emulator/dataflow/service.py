"""Handlers of the methods of Dataflow that are emulated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.cloud.dataflow_v1beta3 import types
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator.config import Config
from emulator.dataflow import wire
from emulator.dataflow.events import TERMINAL_STATES, Importance, JobState, now
from emulator.dataflow.jobs import Jobs
from emulator.dataflow.submission import Submission, SubmissionError
from emulator.errors import FailedPrecondition, InvalidArgument, Unimplemented
from emulator.faults import Faults
from emulator.routing import Route
from emulator.state import State

_DEFAULT_LOCATION = "us-central1"
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,1022}[a-z0-9])?")
_PLACE = re.compile(r"[a-z0-9][-a-z0-9.:]*")

Fields = Mapping[str, str]


class DataflowService:
    """Dataflow v1b3: jobs with their messages and metrics."""

    def __init__(self, config: Config, state: State) -> None:
        self._jobs = Jobs(config, state, Faults(state))
        self._buckets = config.buckets

    @property
    def routes(self) -> list[Route]:
        """Routes of every method of the service."""
        return wire.routes(
            {
                "jobs.create": self.create_job,
                "jobs.list": self.list_jobs,
                "jobs.aggregated": self.aggregate_jobs,
                "jobs.get": self.get_job,
                "jobs.update": self.update_job,
                "jobs.getMetrics": self.get_metrics,
                "jobs.messages.list": self.list_messages,
            }
        )

    def start(self) -> None:
        """Resume the jobs of an emulator that was killed."""
        self._jobs.resume()

    def stop(self) -> None:
        """End all active jobs."""
        self._jobs.shut_down()

    async def create_job(self, request: Request, fields: Fields) -> Response:
        """Handle `jobs.create`."""
        project, location = _place(request, fields)
        job = {**await wire.read_job(request), "projectId": project, "location": location}
        await run_in_threadpool(_check, job, self._buckets)
        created = await run_in_threadpool(self._jobs.create, {**job, **_metadata(job)})
        return JSONResponse(wire.job_view(created, _view(request)))

    async def get_job(self, request: Request, fields: Fields) -> Response:
        """Handle `jobs.get`."""
        job = await self._job(request, fields)
        return JSONResponse(wire.job_view(job, _view(request)))

    async def list_jobs(self, request: Request, fields: Fields) -> Response:
        """Handle `jobs.list`, newest first."""
        return await self._list(request, *_place(request, fields))

    async def aggregate_jobs(self, request: Request, fields: Fields) -> Response:
        """Handle `jobs.aggregated`: the jobs of all locations."""
        return await self._list(request, fields["project"], None)

    async def update_job(self, request: Request, fields: Fields) -> Response:
        """Handle `jobs.update`: only a batch job's cancellation."""
        job = await wire.read_job(request)
        requested = job.get("requestedState", "")
        place = (*_place(request, fields), fields["job"])
        if requested in ("JOB_STATE_DRAINED", "JOB_STATE_DRAINING"):
            await run_in_threadpool(self._jobs.get, *place)
            raise FailedPrecondition(
                "requestedState: only a streaming job can be drained, this is a batch job."
            )
        if requested != JobState.CANCELLED:
            raise InvalidArgument(f"requestedState: expected {JobState.CANCELLED}, received {requested!r}")
        cancelled = await run_in_threadpool(self._jobs.cancel, *place)
        return JSONResponse(wire.job_view(cancelled, _view(request)))

    async def list_messages(self, request: Request, fields: Fields) -> Response:
        """Handle `jobs.messages.list`."""
        job = await self._job(request, fields)
        query = request.query_params
        least = Importance(wire.enum_parameter(query, "minimumImportance", types.JobMessageImportance))
        after, before = wire.time_parameter(query, "startTime"), wire.time_parameter(query, "endTime")
        found = []
        for number, message in enumerate(await run_in_threadpool(self._jobs.messages, job["id"]), start=1):
            time = wire.parse_time(message.time, field="time")
            if after is not None and time < after:
                continue
            if before is not None and time >= before:
                continue
            if Importance(message.importance).rank < least.rank:
                continue
            document = {
                "id": f"msg-{number:06d}",
                "time": message.time,
                "messageText": message.text,
                "messageImportance": message.importance,
            }
            found.append((number, document))
        shown, token = wire.page(found, query)
        return JSONResponse({"jobMessages": shown, "nextPageToken": token})

    async def get_metrics(self, request: Request, fields: Fields) -> Response:
        """Handle `jobs.getMetrics`."""
        job = await self._job(request, fields)
        since = wire.time_parameter(request.query_params, "startTime")
        metrics = await run_in_threadpool(self._jobs.metrics, job["id"])
        if metrics is None or (since is not None and wire.parse_time(metrics.time, field="time") < since):
            return JSONResponse({"metricTime": now(), "metrics": []})
        return JSONResponse({"metricTime": metrics.time, "metrics": metrics.updates})

    async def _job(self, request: Request, fields: Fields) -> dict[str, Any]:
        return await run_in_threadpool(self._jobs.get, *_place(request, fields), fields["job"])

    async def _list(self, request: Request, project: str, location: str | None) -> Response:
        query = request.query_params
        wanted = wire.enum_parameter(query, "filter", types.ListJobsRequest.Filter)
        name = query.get("name", "")
        found = [
            # Never twice and none left out when a job is added between two pages.
            (-number, wire.job_view(job, _view(request)))
            for number, job in enumerate(await run_in_threadpool(self._jobs.all, project, location))
            if wanted in ("UNKNOWN", "ALL")
            or (wanted == "TERMINATED") == (job["currentState"] in TERMINAL_STATES)
            if name in ("", job["name"])
        ]
        shown, token = wire.page(found[::-1], query)
        return JSONResponse({"jobs": shown, "nextPageToken": token})


def _place(request: Request, fields: Fields) -> tuple[str, str]:
    """Return project and location; a location that isn't in the path may be in the query."""
    location = fields.get("location") or request.query_params.get("location") or _DEFAULT_LOCATION
    for field, value in {"project": fields["project"], "location": location}.items():
        if not _PLACE.fullmatch(value):
            raise InvalidArgument(f"{field}: expected a match of {_PLACE.pattern}, received {value!r}")
    return fields["project"], location


def _view(request: Request) -> str:
    return wire.enum_parameter(request.query_params, "view", types.JobView)


def _check(job: Mapping[str, Any], buckets: Path) -> None:
    name = job.get("name", "")
    if not _NAME.fullmatch(name):
        raise InvalidArgument(f"name: expected a match of {_NAME.pattern}, received {name!r}")
    if job.get("type") == "JOB_TYPE_STREAMING":
        raise Unimplemented("type: streaming jobs are not emulated.")
    for field in ("replaceJobId", "transformNameMapping", "createdFromSnapshotId"):
        if job.get(field):
            raise Unimplemented(f"{field}: only streaming jobs have it, and they are not emulated.")
    try:
        Submission.from_job(job).check_buckets(buckets)
    except SubmissionError as error:
        raise InvalidArgument(str(error)) from error


def _metadata(job: Mapping[str, Any]) -> dict[str, Any]:
    agent = job.get("environment", {}).get("userAgent", {})
    version = {"version": agent.get("version", ""), "versionDisplayName": agent.get("name", "")}
    return {"type": "JOB_TYPE_BATCH", "jobMetadata": {"sdkVersion": version}}
