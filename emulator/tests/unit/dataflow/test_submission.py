"""Content of the Job of `jobs.create`."""

import re
from pathlib import Path
from typing import Any

import pytest

from emulator.dataflow.submission import Submission, SubmissionError, whole_numbers

OUTSIDE = (
    "", "p.pb", "/etc/passwd", "file:///etc/passwd", "gs://", "gs://bkt", "gs://bkt/", "gs:///etc/passwd",
    "gs://../p.pb", "gs://./p.pb", "gs://bkt/../../p.pb", "gs://bkt//etc/passwd", "gs://bkt/a\0b", "gs://b\0t/p.pb",
    "gs://BKT/p.pb", "gs://bkt/\ud800",
)  # fmt: skip


def job(*, pool: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    return {
        "id": "job-id",
        "name": "count",
        "projectId": "project",
        "environment": {
            "sdkPipelineOptions": {"options": {"pipelineUrl": "gs://bkt/p.pb", **options}},
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
        *[
            (
                {"name": name, "location": "gs://bkt/a"},
                f"packages.name: expected a file name, received {name!r}",
            )
            for name in ("", ".", "..", "../a", "/etc/a", "a/b", "a/", "a\0b", "x" * 300)
        ],
        *[
            ({"name": "a", "location": uri}, "packages.location: expected gs://BUCKET/OBJECT or")
            for uri in ("https://example.com/a", "storage.googleapis.com/bkt/../../a", "/etc/passwd", "")
        ],
    ],
)
def test_from_job_with_bad_package_is_refused(package: dict[str, str], message: str) -> None:
    with pytest.raises(SubmissionError, match=re.escape(message)):
        Submission.from_job(job(pool={"packages": [package]}))


def test_from_job_without_pipeline_is_refused() -> None:
    with pytest.raises(
        SubmissionError, match=r"pipelineUrl: expected gs://BUCKET/OBJECT or .* received None"
    ):
        Submission.from_job({"name": "legacy", "steps": [{"kind": "ParallelRead"}]})


@pytest.mark.parametrize("uri", OUTSIDE)
def test_from_job_with_a_pipeline_outside_the_buckets_is_refused(uri: str) -> None:
    with pytest.raises(SubmissionError, match=re.escape("pipelineUrl: expected gs://BUCKET/OBJECT or")):
        Submission.from_job(job(pipelineUrl=uri))


@pytest.mark.parametrize("option", ["temp_location", "staging_location"])
@pytest.mark.parametrize("uri", ["gs://bkt/../x", "gs://../x", "/tmp/x", "gs://bkt/a\0b", "gs:///x"])
def test_from_job_with_temporary_files_outside_the_buckets_is_refused(option: str, uri: str) -> None:
    with pytest.raises(SubmissionError, match=f"{option}: expected gs://BUCKET/OBJECT or"):
        Submission.from_job(job(**{option: uri}))


def test_check_buckets_names_the_field_of_an_unknown_bucket(tmp_path: Path) -> None:
    package = {"name": "a.tar.gz", "location": "gs://bkt/a.tar.gz"}
    submission = Submission.from_job(job(pool={"packages": [package]}, temp_location="gs://other/tmp/"))
    (tmp_path / "bkt").mkdir()

    with pytest.raises(SubmissionError, match="temp_location: expected an object in an existing bucket"):
        submission.check_buckets(tmp_path)
    (tmp_path / "other").mkdir()
    submission.check_buckets(tmp_path)


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        ({}, None),
        ({"network": "corp"}, "'global/networks/corp'. The referenced network resource cannot be found"),
        ({"network": "https://c/projects/p/global/networks/default"}, None),
        ({"subnetwork": "regions/r/subnetworks/s"}, None),
        ({"network": "corp", "subnetwork": "regions/r/subnetworks/s"}, None),
        ({"workerHarnessContainerImage": "gcr.io/cloud-dataflow/v1beta3/beam_python3.11_sdk:2.77.0"}, None),
        ({"sdkHarnessContainerImages": [{"containerImage": "r/mine/beam:1"}]}, None),
        ({"sdkHarnessContainerImages": [{"containerImage": "r/other:1"}]}, "Failed to pull image r/other:1"),
    ],
)
def test_missing_resource_is_a_network_or_an_image_that_is_not_there(
    pool: dict[str, Any], message: str | None
) -> None:
    found = Submission.from_job(job(pool=pool)).missing_resource(("default",), {"mine/beam": "a.module"})
    assert found is message is None or message in str(found)


def test_missing_resource_where_there_is_no_default_network_names_it() -> None:
    missing = Submission.from_job(job()).missing_resource(("corp",), {})
    assert missing is not None
    assert "global/networks/default" in missing
    assert Submission.from_job(job(pool={"network": "corp"})).missing_resource(("corp",), {}) is None
