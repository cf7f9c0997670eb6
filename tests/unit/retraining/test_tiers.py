"""Scale tiers and the machines that they mean."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.cloud.aiplatform_v1 import WorkerPoolSpec
from retraining.errors import ConfigurationError
from retraining.tiers import worker_pools

CONTAINER = {"image_uri": "trainer:1"}


@pytest.mark.parametrize(
    ("tier", "replicas"),
    [("BASIC", [1]), ("STANDARD_1", [1, 4]), ("PREMIUM_1", [1, 19]), ("BASIC_GPU", [1]), ("BASIC_TPU", [1])],
)
def test_worker_pools_of_a_tier_are_what_vertex_ai_takes(tier: str, replicas: list[int]) -> None:
    specs = [WorkerPoolSpec(pool.to_spec(CONTAINER)) for pool in worker_pools(tier)]
    assert [spec.replica_count for spec in specs] == replicas
    assert {spec.container_spec.image_uri for spec in specs} == {"trainer:1"}


def test_worker_pools_of_accelerators_name_them() -> None:
    (gpu,) = worker_pools("BASIC_GPU")
    assert gpu.to_spec(CONTAINER)["machine_spec"] == {
        "machine_type": "n1-standard-8",
        "accelerator_type": "NVIDIA_TESLA_T4",
        "accelerator_count": 1,
    }
    (tpu,) = worker_pools("BASIC_TPU")
    assert tpu.to_spec(CONTAINER)["machine_spec"]["tpu_topology"] == "2x2"


def test_worker_pools_of_an_unknown_tier_names_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"expected one of \['BASIC', .*, received 'HUGE'"):
        worker_pools("HUGE")


def test_worker_pools_of_an_own_file_replaces_ours(tmp_path: Path) -> None:
    file = tmp_path / "tiers.toml"
    file.write_text('[[HUGE]]\nmachine_type = "m"\nreplica_count = 2\n')
    (pool,) = worker_pools("HUGE", str(file))
    assert (pool.machine_type, pool.replica_count) == ("m", 2)
    with pytest.raises(ConfigurationError, match="received 'BASIC'"):
        worker_pools("BASIC", str(file))


@pytest.mark.parametrize("text", ["[[HUGE]]\nmachine = 1\n", "[[HUGE"])
def test_worker_pools_of_a_wrong_file_names_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "tiers.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"tiers: .*tiers\.toml"):
        worker_pools("HUGE", str(file))


def test_worker_pools_of_a_missing_file_names_it() -> None:
    with pytest.raises(ConfigurationError, match=r"/nowhere/tiers\.toml"):
        worker_pools("BASIC", "/nowhere/tiers.toml")
