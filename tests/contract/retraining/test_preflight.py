"""Preflight against an emulator that has everything, and against one for each kind of lack."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from retraining.preflight.__main__ import main

CHECKOUT = Path(__file__).parents[3]
REGION = "us-central1"
DATASET = """\
import contract as dc

SPEC = dc.DatasetSpec(
    contract=dc.DataContract(name="letters", record_format="idx", features=dc.idx_features()),
    source="letters",
    training=dc.TrainingSpec(module="trainer.task", tier="{tier}"{image}),
    gate=dc.GateSpec(metric="mse", direction="lower", threshold=0.02, baseline_margin=0.03),
)
"""


@pytest.fixture
def deployment(
    emulator_factory: Callable[..., Any],
    airflow_connection: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Any]:
    """Starts an emulator with a bucket, and describes a deployment on it by the environment."""

    def describe(*arguments: str, location: str = REGION, bucket: bool = True) -> Any:
        emulator = emulator_factory(*arguments)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator.url)
        if bucket:
            resource = {"name": "deployed", "location": location}
            made = emulator.http.post(f"/storage/v1/b?project={emulator.project}", json=resource)
            made.raise_for_status()
        packages = tmp_path / "packages"
        packages.mkdir()
        for name in ("contract", "preprocessing"):
            (packages / f"perennial_{name}-0.1.0.tar.gz").touch()
        images = f"{REGION}-docker.pkg.dev/{emulator.project}/perennial-tests"
        variables = {
            "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": airflow_connection(emulator),
            "PERENNIAL_PROJECT": emulator.project,
            "PERENNIAL_REGION": REGION,
            "PERENNIAL_BUCKET": "deployed",
            "PERENNIAL_PACKAGES": str(packages),
            "PERENNIAL_TRAINER_IMAGE": f"{images}/chain_trainer:0.1.0",
            "PERENNIAL_TRAINER_GPU_IMAGE": f"{images}/chain_trainer@sha256:{'0' * 64}",
            "PERENNIAL_SERVING_IMAGE": f"{images}/chain_server:0.1.0",
            "PERENNIAL_SERVICE_ACCOUNT": emulator.email("perennial-jobs"),
            "PERENNIAL_SERVING_SERVICE_ACCOUNT": emulator.email("perennial-serving"),
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return emulator

    return describe


@pytest.fixture
def dags(tmp_path: Path) -> Callable[..., Path]:
    """Writes the DAG file of a dataset."""

    def write(tier: str = "BASIC", image: str = "") -> Path:
        folder = tmp_path / "dags"
        folder.mkdir(exist_ok=True)
        named = f', image="{image}"' if image else ""
        (folder / "letters_training.py").write_text(DATASET.format(tier=tier, image=named))
        return folder

    return write


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, str]]]:
    """Exit status, and the findings."""
    capsys.readouterr()
    status = main(["--json", *arguments])
    findings: list[dict[str, str]] = json.loads(capsys.readouterr().out)
    return status, findings


def missing(findings: list[dict[str, str]]) -> dict[str, str]:
    """Command by what is missing."""
    return {one["subject"]: one["command"] for one in findings if one["state"] == "missing"}


def write_infrastructure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    file = tmp_path / "infrastructure.toml"
    file.write_text(text)
    monkeypatch.setenv("PERENNIAL_INFRASTRUCTURE_FILE", str(file))


def test_deployment_that_has_everything_lacks_nothing(
    deployment: Any, dags: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    deployment("--network", "corp", "--subnetwork", "ml", "--quota", "NVIDIA_TESLA_T4=1")
    write_infrastructure(
        tmp_path,
        monkeypatch,
        f'[dataflow]\nsubnetwork = "regions/{REGION}/subnetworks/ml"\nuse_public_ips = false\n'
        '[training]\nnetwork = "projects/12345/global/networks/corp"\n',
    )
    folder = str(dags())
    status, findings = ask(capsys, "--dags", folder, "--tier", "BASIC", "--tier", "BASIC_GPU")
    assert (status, missing(findings)) == (0, {})
    assert {one["state"] for one in findings} == {"there"}
    kinds = {one["subject"].partition(" ")[0] for one in findings}
    assert {"API", "bucket", "image", "quota", "service", "subnetwork", "network"} <= kinds


def test_lacks_of_a_project_each_have_a_command(
    deployment: Any, dags: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    emulator = deployment(
        "--disable-api", "dataflow.googleapis.com", "--network", "corp", "--quota", "NVIDIA_TESLA_T4=0",
        bucket=False,
    )  # fmt: skip
    changes = {
        "PERENNIAL_PACKAGES": "/nowhere",
        "PERENNIAL_SERVING_IMAGE": f"{REGION}-docker.pkg.dev/p/r/unknown:1",
        "PERENNIAL_SERVICE_ACCOUNT": f"nobody@{emulator.project}.iam.gserviceaccount.com",
        "PERENNIAL_SERVING_SERVICE_ACCOUNT": emulator.email("perennial-worker"),
    }
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    status, findings = ask(capsys, "--dags", str(dags("BASIC_GPU")))
    assert status == 1
    commands = missing(findings)
    assert commands.pop("API dataflow.googleapis.com").startswith("gcloud services enable dataflow.")
    assert "buckets create gs://deployed --location=us-central1" in commands.pop("bucket gs://deployed")
    assert "networks create default" in commands.pop("network default")
    image = commands.pop(f"image {REGION}-docker.pkg.dev/p/r/unknown:1")
    assert "docker push" in image
    assert "ask for 1" in commands.pop(
        "quota aiplatform.googleapis.com/custom_model_training_nvidia_t4_gpus for tier BASIC_GPU"
    )
    nobody = changes["PERENNIAL_SERVICE_ACCOUNT"]
    assert "create nobody" in commands.pop(f"service account {nobody}")
    worker = emulator.email("perennial-worker")
    assert "serviceAccountUser" in commands.pop(f"iam.serviceAccounts.actAs on {worker}")
    assert [name.rpartition(" in ")[2] for name in commands] == ["/nowhere"] * 2
    assert all("make packages" in command for command in commands.values())


def test_missing_permission_names_the_role_that_holds_it(
    deployment: Any, dags: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    whole = (CHECKOUT / "infra" / "permissions.toml").read_text()
    file = tmp_path / "permissions.toml"
    lost = (
        *("storage.objects.delete", "storage.buckets.get"),
        *("aiplatform.customJobs.create", "serviceusage.services.get"),
    )
    kept = [line for line in whole.splitlines() if line.partition(" ")[0].strip('"') not in lost]
    file.write_text("\n".join(kept))
    emulator = deployment("--accounts", str(file))
    monkeypatch.setenv("PERENNIAL_DEPLOYMENT", "dev")
    status, findings = ask(capsys, "--dags", str(dags()))
    commands = missing(findings)
    member = f"--member=serviceAccount:{emulator.email('perennial-airflow').replace('@', '-dev@')}"
    assert status == 1
    assert all(member in command for command in commands.values())
    assert commands["storage.objects.delete on gs://deployed"].endswith("/roles/perennialData_dev")
    create = commands[f"aiplatform.customJobs.create on {emulator.project}"]
    assert create.endswith("/roles/perennialAirflow_dev")
    # What it may not see is no lack, but is said.
    assert [one["subject"] for one in findings if one["state"] == "unknown"] == [
        "APIs",
        "bucket gs://deployed",
    ]
    assert commands["storage.buckets.get on gs://deployed"].endswith("/roles/perennialStaging_dev")


@pytest.mark.parametrize(
    ("location", "is_right"), [("us", True), ("nam4", True), ("eu", False), ("europe-west1", False)]
)
def test_bucket_is_where_the_jobs_are(
    deployment: Any, dags: Any, capsys: Any, location: str, is_right: bool
) -> None:
    deployment(location=location)
    status, findings = ask(capsys, "--dags", str(dags()))
    assert status == (0 if is_right else 1)
    assert list(missing(findings)) == ([] if is_right else ["region of gs://deployed"])


def test_subnetwork_without_private_access_and_in_another_region(
    deployment: Any, dags: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    deployment("--network", "corp")
    write_infrastructure(
        tmp_path,
        monkeypatch,
        '[dataflow]\nsubnetwork = "https://www.googleapis.com/compute/v1/projects/host/regions/europe-west1/'
        'subnetworks/corp"\nuse_public_ips = false\n[training]\n'
        f'network_attachment = "projects/p/regions/{REGION}/networkAttachments/ml"\n',
    )
    status, findings = ask(capsys, "--dags", str(dags()))
    commands = missing(findings)
    assert status == 1
    assert commands.pop("region of subnetwork corp") == "export PERENNIAL_REGION=europe-west1"
    assert "update corp --region=europe-west1 --project=host" in commands.pop(
        "Private Google Access of subnetwork corp"
    )
    assert "network-attachments create ml" in commands.pop(
        f"network attachment projects/p/regions/{REGION}/networkAttachments/ml"
    )
    assert commands == {}


def test_repository_of_images_that_is_not_there_is_made_first(
    deployment: Any, dags: Any, capsys: Any
) -> None:
    emulator = deployment("--repository", "others")
    status, findings = ask(capsys, "--dags", str(dags()), "--only", "bucket", "--only", "registry")
    assert status == 1
    assert [one["subject"].partition(" ")[0] for one in findings] == ["bucket", "region", "repository"]
    (command,) = missing(findings).values()
    assert command == (
        "gcloud artifacts repositories create perennial-tests --repository-format=docker "
        f"--location={REGION} --project={emulator.project}"
    )


def test_machines_of_fallbacks_need_quotas_images_and_a_batch_that_they_can_share(
    deployment: Any, dags: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    deployment("--quota", "NVIDIA_L4=0")
    write_infrastructure(
        tmp_path,
        monkeypatch,
        '[tiers.THREE]\npools = [{ machine_type = "n1-standard-4" }, '
        '{ machine_type = "n1-standard-4", replica_count = 2 }]\n[training]\nfallback.BASIC = ['
        '{ after_minutes = 1, tier = "L4" }, { after_minutes = 1, tier = "TPU_V5E_1" }, '
        '{ after_minutes = 1, tier = "THREE", spot = true }]\n',
    )
    status, findings = ask(capsys, "--dags", str(dags()))
    assert status == 1
    assert sorted(missing(findings)) == [
        "quota aiplatform.googleapis.com/custom_model_training_nvidia_l4_gpus for tier L4",
    ]
    # Runs pass over them.
    unusable = [one["subject"] for one in findings if one["state"] == "unknown" and one["reason"]]
    assert {"batch size for tier THREE", "image for tier TPU_V5E_1"} <= set(unusable)
    asked = {one["subject"] for one in findings if one["subject"].startswith("quota")}
    assert "quota aiplatform.googleapis.com/custom_model_training_preemptible_cpus for tier THREE" in asked


def test_images_of_other_registries_and_tpus_without_an_image(
    deployment: Any, dags: Any, capsys: Any
) -> None:
    deployment()
    folder = str(dags(image="ghcr.io/team/trainer:1"))
    status, findings = ask(capsys, "--dags", folder)
    assert status == 0
    unknown = [one["subject"] for one in findings if one["state"] == "unknown"]
    assert unknown == ["image ghcr.io/team/trainer:1"]
    status, findings = ask(capsys, "--dags", str(dags()), "--tier", "BASIC_TPU")
    assert status == 1
    assert list(missing(findings)) == ["image for tier BASIC_TPU"]


@pytest.mark.parametrize(
    ("arguments", "named"), [(["--tier", "GIANT"], "GIANT"), (["--permissions", "/none"], "/none")]
)
def test_wrong_arguments_exit_with_2(
    deployment: Any, dags: Any, capsys: Any, arguments: list[str], named: str
) -> None:
    deployment()
    with pytest.raises(SystemExit) as exit_:
        main(["--dags", str(dags()), *arguments])
    assert exit_.value.code == 2
    assert named in capsys.readouterr().err


def test_quotas_of_spot_machines_and_of_an_h100_are_their_own(
    deployment: Any, dags: Any, capsys: Any
) -> None:
    deployment("--quota", "NVIDIA_H100_80GB=7")
    prefix = "quota aiplatform.googleapis.com/custom_model_training"
    for flags, metric in (([], "nvidia_h100_gpus"), (["--spot"], "preemptible_nvidia_h100_gpus")):
        status, findings = ask(capsys, "--dags", str(dags("H100_X8")), *flags)
        assert status == 1
        assert list(missing(findings)) == [f"{prefix}_{metric} for tier H100_X8"]


def test_package_that_is_there_twice_is_said_and_nothing_deletes_it(
    deployment: Any, dags: Any, tmp_path: Path, capsys: Any
) -> None:
    deployment()
    (tmp_path / "packages" / "perennial_contract-0.2.0.tar.gz").touch()
    status, findings = ask(capsys, "--dags", str(dags()))
    assert status == 1
    assert list(missing(findings).values()) == [""]
