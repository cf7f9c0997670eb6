"""The file of infrastructure: what its fields become, and errors that name them."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.cloud.aiplatform_v1 import CustomJobSpec

from contract import ContractError
from retraining.errors import ConfigurationError
from retraining.infrastructure import Infrastructure, load_infrastructure

KEY = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"


def loaded(tmp_path: Path, text: str) -> Infrastructure:
    file = tmp_path / "infrastructure.toml"
    file.write_text(text)
    return load_infrastructure(str(file))


def test_load_without_a_file_asks_google_for_nothing_special() -> None:
    found = load_infrastructure(None)
    assert found.dataflow.options() == []
    assert found.training.fields() == {}
    assert found.resource_fields == {"labels": {}}


def test_load_of_every_field_gives_the_services_options(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        f"""
        kms_key = "{KEY}"

        [labels]
        cost_center = "ml-platform"
        team = ""

        [dataflow]
        network = "corp"
        subnetwork = "https://www.googleapis.com/compute/v1/projects/host/regions/us-central1/subnetworks/ml"
        use_public_ips = false
        machine_type = "n2-standard-4"
        max_workers = 12
        disk_size_gb = 50
        flexrs = true
        container_image = "us-central1-docker.pkg.dev/p/perennial/beam:1"
        python = "/opt/beam/bin/python"

        [training]
        network = "projects/12345/global/networks/corp"
        reserved_ip_ranges = ["ml"]
        wait_minutes = 90
        fallback.L4 = [{{ after_minutes = 30, spot = false }}, {{ after_minutes = 60, tier = "A100" }}]

        [serving]
        machine_type = "g2-standard-12"
        accelerator_type = "NVIDIA_L4"
        max_replicas = 3

        [tiers.OURS]
        pools = [{{ machine_type = "n2-standard-8", dollars_per_hour = 0.3 }}]
        """,
    )
    assert found.dataflow.options() == [
        "--network=corp",
        "--subnetwork=https://www.googleapis.com/compute/v1/projects/host/regions/us-central1/subnetworks/ml",
        "--machine_type=n2-standard-4",
        "--max_num_workers=12",
        "--disk_size_gb=50",
        "--flexrs_goal=COST_OPTIMIZED",
        "--sdk_container_image=us-central1-docker.pkg.dev/p/perennial/beam:1",
        "--sdk_location=container",
        "--no_use_public_ips",
    ]
    assert [one.after_minutes for one in found.training.fallback["L4"]] == [30, 60]
    assert (found.serving.accelerator_type, found.serving.max_replicas) == ("NVIDIA_L4", 3)
    assert found.tiers["OURS"]["pools"][0]["machine_type"] == "n2-standard-8"
    assert found.dataflow.python == "/opt/beam/bin/python"
    labels = {"cost_center": "ml-platform", "team": ""}
    assert found.resource_fields == {"labels": labels, "encryption_spec": {"kms_key_name": KEY}}
    spec = CustomJobSpec(found.training.fields())
    assert spec.network == "projects/12345/global/networks/corp"
    assert list(spec.reserved_ip_ranges) == ["ml"]


def test_load_of_a_network_attachment_gives_private_service_connect(tmp_path: Path) -> None:
    attachment = "projects/p/regions/us-central1/networkAttachments/ml"
    found = loaded(tmp_path, f'[training]\nnetwork_attachment = "{attachment}"')
    spec = CustomJobSpec(found.training.fields())
    assert spec.psc_interface_config.network_attachment == attachment


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('[dataflow]\nnetwork = "Corp_1"', "dataflow.network"),
        ('[dataflow]\nuse_public_ips = "no"', "dataflow.use_public_ips"),
        ("[dataflow]\nuse_public_ips = false", "dataflow.use_public_ips"),
        ("[dataflow]\nmax_workers = 0", "dataflow.max_workers"),
        ('[dataflow]\nnetwrk = "corp"', "dataflow.netwrk"),
        ('[dataflow]\nsubnetwork = "ml"', "dataflow.subnetwork"),
        ("dataflow = 3", "dataflow"),
        ("[workers]\nnumber = 3", "workers"),
        ('[training]\nnetwork = "corp"', "training.network"),
        ('[training]\nreserved_ip_ranges = ["ml"]', "training.reserved_ip_ranges"),
        ("[training]\nwait_minutes = -1", "training.wait_minutes"),
        ("[training]\nwait_minutes = nan", "training.wait_minutes"),
        ("[training]\nfallback.L4 = [{ after_minutes = 30 }]", "training.fallback"),
        ("[training]\nfallback.L4 = [{ spot = false }]", "training.fallback.L4[0].after_minutes"),
        (
            "[training]\nfallback.L4 = [{ after_minutes = 0, spot = false }]",
            "training.fallback.L4[0].after_minutes",
        ),
        ("[serving]\nmin_replicas = 0", "serving.min_replicas"),
        ("[serving]\nreplicas = 3", "serving.replicas"),
        ('kms_key = "k"', "kms_key"),
        ('[labels]\nTeam = "ml"', "labels.Team"),
        ('[labels]\nteam = "M L"', "labels.team"),
        ("[labels]\nteam = 3", "labels.team"),
        ('[labels]\nperennial_run = "x"', "labels"),
        ("[labels]\n" + "\n".join(f'l{number} = ""' for number in range(41)), "labels"),
    ],
)
def test_load_of_a_wrong_field_names_it(tmp_path: Path, text: str, field: str) -> None:
    with pytest.raises(ContractError) as failure:
        loaded(tmp_path, text)
    assert failure.value.field.removeprefix("infrastructure.toml.") == field


@pytest.mark.parametrize("text", ["[dataflow", "a = 1\na = 2"])
def test_load_of_a_file_that_is_no_toml_names_variable_and_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"PERENNIAL_INFRASTRUCTURE_FILE: .*infrastructure\.toml"):
        loaded(tmp_path, text)


def test_load_of_a_missing_file_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="PERENNIAL_INFRASTRUCTURE_FILE"):
        load_infrastructure(str(tmp_path / "none.toml"))
