"""`smoke_predict` against the emulator: versions that are really served."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException
from google.api_core.exceptions import BadRequest, GoogleAPICallError

CANDIDATE = "flowers-candidate"


def version_that_serves(chain: Any, served: str = "as trained") -> tuple[str, str]:
    job_dir = chain.trained(served=served)
    return chain.create_version(job_dir)["name"], job_dir


def test_smoke_asks_every_golden_request_and_leaves_the_endpoint_empty(chain: Any) -> None:
    result = chain.smoke(*version_that_serves(chain))
    assert result == {"requests": 3, "note": "3 golden requests came back as they should"}
    assert chain.serving(CANDIDATE) == {}
    assert chain.serving("flowers") == {}


def test_smoke_that_is_repeated_comes_to_the_same(chain: Any) -> None:
    version, job_dir = version_that_serves(chain)
    assert chain.smoke(version, job_dir) == chain.smoke(version, job_dir)


def test_smoke_of_wrong_answers_names_them_and_leaves_the_endpoint_empty(chain: Any) -> None:
    with pytest.raises(AirflowException, match=r"predictions\[0\]\.probabilities\[0\]: expected 0\.25"):
        chain.smoke(*version_that_serves(chain, "wrongly"))
    assert chain.serving(CANDIDATE) == {}


def test_smoke_of_a_refusal_passes_it_on_and_leaves_the_endpoint_empty(chain: Any) -> None:
    with pytest.raises(BadRequest, match="expected a JPEG"):
        chain.smoke(*version_that_serves(chain, "error"))
    assert chain.serving(CANDIDATE) == {}


def test_smoke_of_a_server_that_does_not_start_says_why(chain: Any) -> None:
    with pytest.raises(GoogleAPICallError, match="can not be loaded"):
        chain.smoke(*version_that_serves(chain, "start"))
    assert chain.serving(CANDIDATE) == {}


def test_smoke_after_an_interruption_adopts_the_deployment_under_way(chain: Any) -> None:
    version, job_dir = version_that_serves(chain)
    chain.smoke(version, job_dir)
    chain.fault("slow_start", delay_seconds=0.5)
    chain.proxy.mend()
    chain.proxy.break_at_write(1)
    with pytest.raises(Exception, match=r"onnection|process is dead"):
        chain.smoke(version, job_dir)
    chain.proxy.mend()
    assert chain.smoke(version, job_dir)["requests"] == 3
    assert [write for write in chain.proxy.writes if write.endswith(":deployModel")] == []
    assert chain.serving(CANDIDATE) == {}


def test_smoke_that_is_killed_while_its_version_is_deployed_takes_it_off(chain: Any) -> None:
    version, job_dir = version_that_serves(chain)
    operator = chain.smoker(version, job_dir)
    chain.fault("slow_start", delay_seconds=60)
    timer = threading.Timer(1, operator.on_kill)
    timer.start()
    with pytest.raises(Exception, match="ancelled"):
        operator.execute(chain.context)
    timer.join()
    assert chain.serving(CANDIDATE) == {}
