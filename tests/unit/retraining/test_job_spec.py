"""Program and machines of a training job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import CustomJobSpec

from contract import TrainingSpec
from retraining.context import Run, RunContext
from retraining.errors import ConfigurationError
from retraining.google import Clients
from retraining.job_spec import job_spec, run_machines, training_arguments, training_image
from retraining.settings import Settings

VARIABLES = {
    "PERENNIAL_PROJECT": "p",
    "PERENNIAL_REGION": "us-central1",
    "PERENNIAL_BUCKET": "b",
    "PERENNIAL_PACKAGES": "gs://b/packages",
}
TRAINER = "us-central1-docker.pkg.dev/p/perennial/trainer:0.1.0"


def settings(**variables: str) -> Settings:
    return Settings.from_environment({**VARIABLES, **variables})


def spec(training: TrainingSpec, *, variables: dict[str, str] | None = None, **params: Any) -> Any:
    context = RunContext(
        settings=settings(**variables or {}),
        run=Run.__new__(Run),
        params=params,
        clients=Clients("google_cloud_default", project="p", region="us-central1"),
    )
    machines = run_machines(context.settings, training, params)[0]
    flags = {"train_steps": 3}
    return CustomJobSpec(job_spec(context, training, flags=flags, output="gs://b/runs/", machines=machines))


def test_job_spec_runs_the_module_in_the_trainers_image_on_the_specs_tier() -> None:
    found = spec(TrainingSpec(tier="TWO_WORKERS", timeout_seconds=60))
    assert [pool.replica_count for pool in found.worker_pool_specs] == [1, 1]
    container = found.worker_pool_specs[0].container_spec
    assert container.image_uri == TRAINER
    assert list(container.command) == ["python", "-m", "trainer.task"]
    assert list(container.args) == ["--train_steps=3"]
    assert found.base_output_directory.output_uri_prefix == "gs://b/runs/"
    assert found.scheduling.timeout.seconds == 60
    assert found.scheduling.strategy.name == "STRATEGY_UNSPECIFIED"
    assert found.service_account == ""


def test_job_spec_of_an_own_image_has_that_images_entry_point() -> None:
    container = spec(TrainingSpec(image="autoencoder")).worker_pool_specs[0].container_spec
    assert container.image_uri == "us-central1-docker.pkg.dev/p/perennial/autoencoder:0.1.0"
    assert list(container.command) == []
    assert list(container.args) == ["--train_steps=3"]


def test_job_spec_of_a_run_on_another_tier_uses_its_machines(tmp_path: Path) -> None:
    file = tmp_path / "tiers.toml"
    file.write_text('CUSTOM.pools = [{machine_type = "ours"}]\n')
    variables = {"PERENNIAL_TIERS_FILE": str(file), "PERENNIAL_SERVICE_ACCOUNT": "trainer@p"}
    found = spec(TrainingSpec(), variables=variables, tier="CUSTOM")
    assert found.worker_pool_specs[0].machine_spec.machine_type == "ours"
    assert found.service_account == "trainer@p"


@pytest.mark.parametrize(("tier", "spot"), [("BASIC", True), ("H100", False), ("H100", True)])
def test_job_spec_of_spare_capacity_says_so(tier: str, spot: bool) -> None:
    assert spec(TrainingSpec(), tier=tier, spot=spot).scheduling.strategy.name == "SPOT"


def test_job_spec_of_an_unknown_tier_names_it() -> None:
    with pytest.raises(ConfigurationError, match=r"tier: expected one of BASIC, .*, received 'HUGE'"):
        spec(TrainingSpec(), tier="HUGE")


def test_training_arguments_are_those_of_the_search_then_of_the_run_then_of_the_spec() -> None:
    training = TrainingSpec(arguments={"a": 1, "b": 2, "c": 3})
    params = {"b": 20, "c": 30, "promote": True}
    assert training_arguments(training, params, {"c": 300}) == {"a": 1, "b": 20, "c": 300}
    assert training_arguments(training, params) == {"a": 1, "b": 20, "c": 30}


@pytest.mark.parametrize(
    ("image", "uri"),
    [
        (None, TRAINER),
        ("autoencoder", "us-central1-docker.pkg.dev/p/perennial/autoencoder:0.1.0"),
        ("autoencoder:7", "us-central1-docker.pkg.dev/p/perennial/autoencoder:7"),
        ("docker.io/library/busybox", "docker.io/library/busybox"),
    ],
)
def test_training_image_of_a_bare_name_lies_beside_the_trainers(image: str | None, uri: str) -> None:
    assert training_image(TrainingSpec(image=image), settings()) == uri


@pytest.mark.parametrize("trainer", ["trainer:0.1", "host/trainer", "host/trainer@sha256:0123"])
def test_training_image_beside_an_image_without_folder_and_tag_names_the_setting(trainer: str) -> None:
    with pytest.raises(ConfigurationError, match=f"PERENNIAL_TRAINER_IMAGE: .* received '{trainer}'"):
        training_image(TrainingSpec(image="autoencoder"), settings(PERENNIAL_TRAINER_IMAGE=trainer))


def test_training_image_beside_a_digest_has_the_tag_of_the_deployment() -> None:
    named = settings(PERENNIAL_TRAINER_IMAGE="host/trainer@sha256:0123", PERENNIAL_IMAGE_TAG="abc")
    assert training_image(TrainingSpec(image="autoencoder"), named) == "host/autoencoder:abc"
    assert named.serving_image == "us-central1-docker.pkg.dev/p/perennial/serving:abc"


def test_job_spec_of_a_gpu_tier_takes_the_image_with_cuda_and_says_what_it_must_find() -> None:
    found = spec(TrainingSpec(tier="BASIC_GPU"))
    container = found.worker_pool_specs[0].container_spec
    assert container.image_uri == TRAINER.replace("trainer:", "trainer-gpu:")
    assert {one.name: one.value for one in container.env} == {"PERENNIAL_EXPECTED_ACCELERATORS": "GPU:1"}


def test_job_spec_of_a_tpu_tier_takes_the_image_that_the_deployment_names() -> None:
    found = spec(
        TrainingSpec(tier="BASIC_TPU"), variables={"PERENNIAL_TRAINER_TPU_IMAGE": "there/trainer-tpu:1"}
    )
    container = found.worker_pool_specs[0].container_spec
    assert container.image_uri == "there/trainer-tpu:1"
    assert {one.name: one.value for one in container.env} == {"PERENNIAL_EXPECTED_ACCELERATORS": "TPU:1"}


def test_job_spec_of_a_tpu_tier_without_such_an_image_names_the_variable() -> None:
    with pytest.raises(ConfigurationError, match=r"PERENNIAL_TRAINER_TPU_IMAGE: .* received nothing"):
        spec(TrainingSpec(tier="BASIC_TPU"))


def test_job_spec_where_accelerators_are_pretended_expects_none() -> None:
    found = spec(TrainingSpec(tier="BASIC_GPU"), variables={"PERENNIAL_EXPECT_ACCELERATORS": "False"})
    assert not found.worker_pool_specs[0].container_spec.env


def test_job_spec_of_several_machines_restarts_as_a_whole() -> None:
    assert spec(TrainingSpec(tier="TWO_WORKERS")).scheduling.restart_job_on_worker_restart
    assert not spec(TrainingSpec()).scheduling.restart_job_on_worker_restart


def test_job_spec_has_the_deployments_network(tmp_path: Path) -> None:
    file = tmp_path / "infrastructure.toml"
    file.write_text('[training]\nnetwork = "projects/1/global/networks/corp"')
    found = spec(TrainingSpec(), variables={"PERENNIAL_INFRASTRUCTURE_FILE": str(file)})
    assert found.network == "projects/1/global/networks/corp"


def test_run_machines_pass_over_fallbacks_that_the_program_cannot_use(tmp_path: Path) -> None:
    file = tmp_path / "infrastructure.toml"
    file.write_text("""[training]
fallback.L4 = [
  { after_minutes = 10, tier = "L4_X4" },      # 4 devices can't share a batch of 30 evenly
  { after_minutes = 10, tier = "TPU_V5E_1" },  # the deployment names no image for TPUs
  { after_minutes = 10, tier = "A100" },
]
""")
    found = run_machines(
        settings(PERENNIAL_INFRASTRUCTURE_FILE=str(file)),
        TrainingSpec(tier="L4", arguments={"model": "wide_deep"}),
        {"train_batch_size": 30},
    )
    assert [(str(one), one.after_minutes) for one in found] == [("L4", 0), ("A100", 30)]
