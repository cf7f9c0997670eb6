"""Scale tiers and the machines that they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import WorkerPoolSpec

from contract import ContractError
from retraining import infrastructure
from retraining.errors import ConfigurationError
from retraining.infrastructure import Fallback
from retraining.tiers import (
    FILE_VARIABLE,
    check_fallbacks,
    deployed_tiers,
    find_tier,
    load_tiers,
    machine_choices,
)

CONTAINER = {"image_uri": "trainer:1"}
TIERS = load_tiers()
CLASSIC = {"BASIC": [1], "STANDARD_1": [1, 4], "PREMIUM_1": [1, 19], "BASIC_GPU": [1], "BASIC_TPU": [1]}


@pytest.mark.parametrize("name", sorted(TIERS))
def test_tier_is_what_vertex_ai_takes(name: str) -> None:
    specs = [WorkerPoolSpec(pool.to_spec(CONTAINER)) for pool in TIERS[name].pools]
    assert specs[0].replica_count == 1
    assert {spec.container_spec.image_uri for spec in specs} == {"trainer:1"}
    assert TIERS[name].description


def test_tiers_of_the_past_have_their_numbers_of_machines() -> None:
    assert {name: [pool.replica_count for pool in TIERS[name].pools] for name in CLASSIC} == CLASSIC


# https://cloud.google.com/compute/docs/accelerator-optimized-machines
@pytest.mark.parametrize(
    ("prefix", "accelerator", "count"),
    [
        ("g2-standard-12", "NVIDIA_L4", 1),
        ("g2-standard-48", "NVIDIA_L4", 4),
        ("a2-highgpu-1g", "NVIDIA_TESLA_A100", 1),
        ("a2-ultragpu-1g", "NVIDIA_A100_80GB", 1),
        ("a3-highgpu-1g", "NVIDIA_H100_80GB", 1),
        ("a3-highgpu-8g", "NVIDIA_H100_80GB", 8),
    ],
)
def test_machines_have_the_accelerators_that_they_are_built_with(
    prefix: str, accelerator: str, count: int
) -> None:
    pools = [pool for tier in TIERS.values() for pool in tier.pools if pool.machine_type == prefix]
    assert pools
    assert {(pool.accelerator_type, pool.accelerator_count) for pool in pools} == {(accelerator, count)}


def test_machines_with_tpus_join_as_many_chips_as_they_have() -> None:
    pools = [pool for tier in TIERS.values() for pool in tier.pools if pool.tpu_topology]
    found = {(pool.machine_type, pool.tpu_topology) for pool in pools}
    assert found == {("ct5lp-hightpu-1t", "1x1"), ("ct5lp-hightpu-4t", "2x2"), ("ct5lp-hightpu-8t", "2x4")}


def test_machine_spec_names_what_the_pool_has() -> None:
    (gpu,), (tpu,) = TIERS["BASIC_GPU"].pools, TIERS["BASIC_TPU"].pools
    assert gpu.to_spec(CONTAINER)["machine_spec"] == {
        "machine_type": "n1-standard-8",
        "accelerator_type": "NVIDIA_TESLA_T4",
        "accelerator_count": 1,
    }
    assert tpu.to_spec(CONTAINER)["machine_spec"] == {
        "machine_type": "ct5lp-hightpu-4t",
        "tpu_topology": "2x2",
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("HUGE", r"tier: expected one of BASIC, STANDARD_1, .*, received 'HUGE'$"),
        ("CUSTOM", rf"received 'CUSTOM'; say what CUSTOM is in the file of {FILE_VARIABLE}$"),
    ],
)
def test_find_tier_of_an_unknown_name_tells_those_there_are(name: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        find_tier(name, TIERS)


def test_load_tiers_of_a_deployment_adds_to_ours_and_replaces_them(tmp_path: Path) -> None:
    file = tmp_path / "tiers.toml"
    file.write_text(
        'CUSTOM.pools = [{machine_type = "c"}]\nBASIC = {spot = true, pools = [{machine_type = "b"}]}\n'
    )
    tiers = deployed_tiers({FILE_VARIABLE: str(file)})
    assert set(tiers) == {*TIERS, "CUSTOM"}
    assert tiers["CUSTOM"].pools[0].machine_type == "c"
    assert (tiers["BASIC"].spot, tiers["BASIC"].pools[0].machine_type) == (True, "b")
    assert deployed_tiers({}) == TIERS


def test_tiers_of_the_file_of_infrastructure_take_the_place_of_all_others(tmp_path: Path) -> None:
    tiers, file = tmp_path / "tiers.toml", tmp_path / "infrastructure.toml"
    tiers.write_text('BASIC.pools = [{machine_type = "theirs"}]\nOURS.pools = [{machine_type = "theirs"}]')
    file.write_text(
        '[tiers.BASIC]\npools = [{ machine_type = "ours", dollars_per_hour = 0.1 }]\n[training]\nx = 1'
    )
    found = deployed_tiers({FILE_VARIABLE: str(tiers), infrastructure.FILE_VARIABLE: str(file)})
    assert found["BASIC"].pools[0].machine_type == "ours"
    assert found["BASIC"].dollars_per_hour() == 0.1
    assert found["OURS"].pools[0].machine_type == "theirs"


@pytest.mark.parametrize(
    ("text", "field"), [("tiers = 3", "tiers"), ("[tiers.OURS]\npools = 3", "tiers.OURS.pools")]
)
def test_wrong_tiers_of_the_file_of_infrastructure_name_the_field(
    tmp_path: Path, text: str, field: str
) -> None:
    file = tmp_path / "infrastructure.toml"
    file.write_text(text)
    with pytest.raises(ContractError) as failure:
        deployed_tiers({infrastructure.FILE_VARIABLE: str(file)})
    assert failure.value.field == field


def choices(tier: str, *steps: Fallback, spot: bool = False) -> list[tuple[str, float]]:
    found = machine_choices(TIERS[tier], spot=spot, fallback={tier: steps}, tiers=TIERS)
    return [(str(one), one.after_minutes) for one in found]


def test_machine_choices_change_tier_or_spot_and_add_up_the_waits() -> None:
    steps = Fallback(after_minutes=30, spot=False), Fallback(after_minutes=60, tier="A100", spot=True)
    assert choices("L4", *steps, spot=True) == [("L4 as Spot VMs", 0), ("L4", 30), ("A100 as Spot VMs", 90)]
    # A run on demand has nothing to go on to in the first step, nor to wait for.
    assert choices("L4", *steps) == [("L4", 0), ("A100 as Spot VMs", 60)]
    assert choices("L4") == [("L4", 0)]


def test_machine_choices_of_spare_capacity_alone_stay_so() -> None:
    assert choices("H100", Fallback(after_minutes=30, spot=False)) == [("H100 as Spot VMs", 0)]


def test_machine_choices_of_an_unknown_tier_name_it() -> None:
    with pytest.raises(ConfigurationError, match="received 'HUGE'"):
        choices("L4", Fallback(after_minutes=30, tier="HUGE"))


def test_dollars_per_hour_counts_every_machine(tmp_path: Path) -> None:
    file = tmp_path / "tiers.toml"
    chief = '{machine_type = "m", dollars_per_hour = 1, spot_dollars_per_hour = 0.25}'
    file.write_text(
        f'MANY.pools = [{chief}, {{machine_type = "n", replica_count = 3, dollars_per_hour = 0.5}}]\n'
        f"SPARE = {{spot = true, pools = [{chief}]}}\n"
    )
    tiers = load_tiers(str(file))
    assert tiers["MANY"].dollars_per_hour() == 2.5
    assert tiers["MANY"].dollars_per_hour(spot=True) is None
    assert tiers["SPARE"].dollars_per_hour() == 0.25


def test_dollars_per_hour_of_a_machine_without_a_price_is_unknown() -> None:
    unknown = {name for name, tier in TIERS.items() if tier.dollars_per_hour() is None}
    assert {name.partition("_")[0] for name in unknown - {"BASIC_GPU", "BASIC_TPU"}} == {"L4", "A100", "TPU"}


def test_dollars_per_hour_is_the_sum_of_what_the_list_has_for_cores_memory_and_accelerators() -> None:
    core, gigabyte = 0.03635265, 0.00487255
    assert TIERS["BASIC"].dollars_per_hour() == pytest.approx(4 * core + 15 * gigabyte)
    assert TIERS["STANDARD_1"].dollars_per_hour() == pytest.approx(5 * (8 * core + 30 * gigabyte))
    assert TIERS["PREMIUM_1"].dollars_per_hour() == pytest.approx(20 * (16 * core + 14.4 * gigabyte))
    assert TIERS["LARGE"].dollars_per_hour() == pytest.approx(32 * core + 28.8 * gigabyte)
    of_a3 = 8 * 11.2660332 + 208 * 0.0293227 + 1872 * 0.0025534
    assert TIERS["H100_X8"].dollars_per_hour() == pytest.approx(of_a3)
    spot = 4.8534 + 26 * 0.01263 + 234 * 0.0011
    fee = 1.4694826 + 26 * 0.0038247 + 234 * 0.0003331
    assert TIERS["H100"].dollars_per_hour() == pytest.approx(spot + fee)


GPU = 'machine_type = "m", accelerator_type = "NVIDIA_L4"'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("huge.pools = []", "tiers: expected names in capital letters, received 'huge'"),
        ('HUGE = {name = "BASIC", pools = [{machine_type = "m"}]}', r"HUGE\.name: expected no such field"),
        ("HUGE = 1", r"tiers\.HUGE: expected an object, received 1"),
        ("HUGE.pools = []", r"tiers\.HUGE\.pools: expected at least 1 item.*, received \[\]"),
        ("HUGE = {}", r"tiers\.HUGE\.pools: expected .*, received 'nothing'"),
        ("HUGE = {pools = [{}]}", r"tiers\.HUGE\.pools\[0\]\.machine_type: expected .*, received 'nothing'"),
        (
            'HUGE = {pools = [{machine_type = ""}]}',
            r"pools\[0\]\.machine_type: expected at least 1 character, received ''",
        ),
        (
            'HUGE = {pools = [{machine_type = "m", gpus = 1}]}',
            r"HUGE\.pools\[0\]\.gpus: expected no such field",
        ),
        (
            'HUGE = {pools = [{machine_type = "m", replica_count = 2}]}',
            r"replica_count: expected 1, the chief",
        ),
        (
            'HUGE = {pools = [{machine_type = "m"}, {machine_type = "m", replica_count = 0}]}',
            r"HUGE\.pools\[1\]\.replica_count: expected .* 1, received 0",
        ),
        (
            f"HUGE = {{pools = [{{{GPU}}}]}}",
            r"accelerator_count: expected 1 or more with an accelerator_type",
        ),
        (
            'HUGE = {pools = [{machine_type = "m", accelerator_count = 1}]}',
            r"tiers\.HUGE\.pools\[0\]\.accelerator_count: .* received 1",
        ),
        (
            'HUGE = {pools = [{machine_type = "m", tpu_topology = "4"}]}',
            r"HUGE\.pools\[0\]\.tpu_topology: expected .*, received '4'",
        ),
        (
            'HUGE = {pools = [{machine_type = "m", dollars_per_hour = -1}]}',
            r"HUGE\.pools\[0\]\.dollars_per_hour: expected .* 0, received -1",
        ),
        (
            'HUGE = {spot = 1, pools = [{machine_type = "m"}]}',
            r"tiers\.HUGE\.spot: expected .*boolean.*, received 1",
        ),
    ],
)
def test_load_tiers_with_a_wrong_field_names_tier_and_field(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "tiers.toml"
    file.write_text(text + "\n")
    with pytest.raises(ContractError, match=message):
        load_tiers(str(file))


@pytest.mark.parametrize("content", [b"[HUGE", b"\xff\xfe"])
def test_load_tiers_of_a_file_that_is_no_toml_names_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "tiers.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"PERENNIAL_TIERS_FILE: .*tiers\.toml"):
        load_tiers(str(file))


def test_load_tiers_of_a_missing_file_names_it() -> None:
    with pytest.raises(ConfigurationError, match=r"/nowhere/tiers\.toml"):
        load_tiers("/nowhere/tiers.toml")


PREFIX = "aiplatform.googleapis.com/custom_model_training"


@pytest.mark.parametrize(
    ("tier", "needed"),
    [
        ("BASIC", {"cpus": 4}),
        ("STANDARD_1", {"cpus": 40}),
        ("BASIC_GPU", {"cpus": 8, "nvidia_t4_gpus": 1}),
        ("L4_TWO_WORKERS", {"g2_cpus": 24, "nvidia_l4_gpus": 2}),
        ("A100_80GB", {"nvidia_a100_80gb_gpus": 1}),
        ("BASIC_TPU", {"tpu_v5e": 4}),
        ("H100", {"preemptible_nvidia_h100_gpus": 1}),
        ("H100_X8", {"nvidia_h100_gpus": 8}),
    ],
)
def test_quotas_count_what_every_machine_takes(tier: str, needed: dict[str, int]) -> None:
    assert TIERS[tier].quotas() == {f"{PREFIX}_{name}": count for name, count in needed.items()}


def test_quotas_of_spot_machines_are_their_own(tmp_path: Path) -> None:
    file = tmp_path / "tiers.toml"
    pool = '{machine_type = "a2-highgpu-1g", accelerator_type = "NVIDIA_TESLA_A100", accelerator_count = 1}'
    file.write_text(
        f'SPARE = {{spot = true, pools = [{pool}]}}\nODD = {{pools = [{{machine_type = "mine"}}]}}'
    )
    tiers = load_tiers(str(file))
    assert tiers["SPARE"].quotas() == {f"{PREFIX}_preemptible_nvidia_a100_gpus": 1}
    assert tiers["ODD"].quotas() == {}
    assert TIERS["BASIC"].quotas(spot=True) == {f"{PREFIX}_preemptible_cpus": 4}


@pytest.mark.parametrize(
    ("fallback", "field"),
    [
        ({"BASICC": [Fallback(after_minutes=1, spot=False)]}, "training.fallback"),
        ({"BASIC": [Fallback(after_minutes=1, tier="L44")]}, "training.fallback.BASIC[0].tier"),
    ],
)
def test_check_fallbacks_names_the_field_of_an_unknown_tier(fallback: Any, field: str) -> None:
    with pytest.raises(ContractError) as refused:
        check_fallbacks(fallback, TIERS)
    assert refused.value.field == field
