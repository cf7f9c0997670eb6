"""What a Job of `jobs.create` asks for."""

import re
from typing import Any

import pytest

from emulator.dataflow.submission import Submission, SubmissionError, whole_numbers


def job(*, pool: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    return {
        "id": "job-id",
        "name": "count",
        "projectId": "project",
        "environment": {
            "sdkPipelineOptions": {"options": {"pipelineUrl": "gs://b/p.pb", **options}},
            "userAgent": {"name": "Apache Beam Python 3.11 SDK", "version": "2.77.0"},
            "workerPools": [pool or {}],
        },
    }


def test_from_job_restores_whole_numbers() -> None:
    submission = Submission.from_job(job(batch=3.0, rate=0.5, sizes=[1.0, {"n": 2.0}], flag=True))

    assert submission.options["batch"] == 3
    assert isinstance(submission.options["batch"], int)
    assert submission.options["sizes"] == [1, {"n": 2}]
    assert submission.options["rate"] == 0.5
    assert submission.options["flag"] is True


def test_whole_numbers_keeps_infinity() -> None:
    assert whole_numbers(float("inf")) == float("inf")


@pytest.mark.parametrize(
    ("pool", "workers"),
    [
        ({}, 1),
        ({"numWorkers": 3}, 3),
        ({"autoscalingSettings": {"maxNumWorkers": 4}}, 1),
        ({"numWorkers": 3, "autoscalingSettings": {"maxNumWorkers": 2}}, 2),
    ],
)
def test_from_job_num_workers_is_what_was_asked_for(pool: dict[str, Any], workers: int) -> None:
    assert Submission.from_job(job(pool=pool)).num_workers == workers


def test_from_job_reads_packages() -> None:
    package = {"name": "a.tar.gz", "location": "storage.googleapis.com/bucket/staging/job.1/a.tar.gz"}

    submission = Submission.from_job(job(pool={"packages": [package]}))

    assert submission.packages == {"a.tar.gz": "gs://bucket/staging/job.1/a.tar.gz"}


@pytest.mark.parametrize(
    ("package", "message"),
    [
        ({"name": "../a", "location": "gs://b/a"}, "packages.name: expected a file name, received '../a'"),
        ({"name": "a", "location": "https://example.com/a"}, "packages.location: expected gs://"),
    ],
)
def test_from_job_with_bad_package_is_refused(package: dict[str, str], message: str) -> None:
    with pytest.raises(SubmissionError, match=re.escape(message)):
        Submission.from_job(job(pool={"packages": [package]}))


def test_from_job_without_pipeline_is_refused() -> None:
    with pytest.raises(SubmissionError, match="pipelineUrl: expected a gs:// URI, received None"):
        Submission.from_job({"name": "legacy", "steps": [{"kind": "ParallelRead"}]})
