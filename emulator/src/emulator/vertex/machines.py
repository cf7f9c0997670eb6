"""Machines of Vertex AI: which there are, which accelerators fit them, and what jobs use of quotas.

Custom training: https://cloud.google.com/vertex-ai/docs/training/configure-compute
Predictions: https://cloud.google.com/vertex-ai/docs/predictions/configure-compute
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from emulator.errors import InvalidArgument, ResourceExhausted

_TRAINING = {
    "e2-standard": (4, 8, 16, 32),
    "e2-highmem": (2, 4, 8, 16),
    "e2-highcpu": (16, 32),
    "n2-standard": (4, 8, 16, 32, 48, 64, 80),
    "n2-highmem": (2, 4, 8, 16, 32, 48, 64, 80),
    "n2-highcpu": (16, 32, 48, 64, 80),
    "n1-standard": (4, 8, 16, 32, 64, 96),
    "n1-highmem": (2, 4, 8, 16, 32, 64, 96),
    "n1-highcpu": (16, 32, 64, 96),
    "c2-standard": (4, 8, 16, 30, 60),
    "m1-ultramem": (40, 80, 160),
    "m1-megamem": (96,),
}
_SERVING = {
    "e2-standard": (2, 4, 8, 16, 32),
    "e2-highmem": (2, 4, 8, 16),
    "e2-highcpu": (2, 4, 8, 16, 32),
    "n1-standard": (2, 4, 8, 16, 32),
    "n1-highmem": (2, 4, 8, 16, 32),
    "n1-highcpu": (2, 4, 8, 16, 32),
    "n2-standard": (2, 4, 8, 16, 32, 48, 64, 80, 96, 128),
    "n2-highmem": (2, 4, 8, 16, 32, 48, 64, 80, 96, 128),
    "n2-highcpu": (2, 4, 8, 16, 32, 48, 64, 80, 96),
    "c2-standard": (4, 8, 16, 30, 60),
}
_WITH_ACCELERATORS = {
    **{f"g2-standard-{cpus}": ("NVIDIA_L4", 1) for cpus in (4, 8, 12, 16, 32)},
    "g2-standard-24": ("NVIDIA_L4", 2),
    "g2-standard-48": ("NVIDIA_L4", 4),
    "g2-standard-96": ("NVIDIA_L4", 8),
    **{f"a2-highgpu-{count}g": ("NVIDIA_TESLA_A100", count) for count in (1, 2, 4, 8)},
    "a2-megagpu-16g": ("NVIDIA_TESLA_A100", 16),
    **{f"a2-ultragpu-{count}g": ("NVIDIA_A100_80GB", count) for count in (1, 2, 4, 8)},
    **{f"a3-highgpu-{count}g": ("NVIDIA_H100_80GB", count) for count in (1, 2, 4, 8)},
    "a3-megagpu-8g": ("NVIDIA_H100_MEGA_80GB", 8),
    "a3-ultragpu-8g": ("NVIDIA_H200_141GB", 8),
    "a4-highgpu-8g": ("NVIDIA_B200", 8),
}
"""Machines of accelerators: the accelerator and the number of them."""

_N1_ACCELERATORS = {
    "NVIDIA_TESLA_T4": {16: (1, 2, 4), 32: (2, 4), 96: (4,)},
    "NVIDIA_TESLA_P4": {16: (1, 2, 4), 32: (2, 4), 96: (4,)},
    "NVIDIA_TESLA_P100": {16: (1, 2, 4), 32: (2, 4), 64: (4,)},
    "NVIDIA_TESLA_V100": {8: (1, 2, 4, 8), 16: (2, 4, 8), 32: (4, 8), 96: (8,)},
}
"""Accelerators that machines of N1 take: the numbers, by the most CPUs of a machine."""

_TPU = re.compile(r"(ct5lp-hightpu|ct6e-standard)-([148])t")
_TPU_NAMES = {"ct5lp-hightpu": "TPU_V5_LITEPOD", "ct6e-standard": "TPU_V6E"}
_CLOUD_TPU = "cloud-tpu"
_METRIC = "custom_model_training"
_GPU_METRICS = {"NVIDIA_H100_80GB": "nvidia_h100", "NVIDIA_H200_141GB": "nvidia_h200"}
_N1 = re.compile(r"n1-(standard|highmem|highcpu)-(\d+)")


def check_machine(machine: Any, where: str, *, training: bool) -> None:
    """Refuse a machine that there isn't, or an accelerator that doesn't fit it.

    Args:
        machine: the MachineSpec.
        where: the field that holds it, as errors name it.
        training: for a job; else for a server.

    Raises:
        InvalidArgument: there is no such machine or combination; the message names the field.
    """
    name, count = machine.machine_type, machine.accelerator_count
    if bool(machine.accelerator_type) != (count > 0):
        raise InvalidArgument(
            f"{where}: expected both of accelerator_type and accelerator_count or neither, "
            f"received {machine.accelerator_type.name} and {count}"
        )
    accelerator = machine.accelerator_type.name if machine.accelerator_type else ""
    if name in _WITH_ACCELERATORS:
        fixed = _WITH_ACCELERATORS[name]
        if (accelerator, count) != fixed:
            raise InvalidArgument(
                f"{where}: expected {fixed[1]} of {fixed[0]} in {name}, "
                f"received {count} of {accelerator or 'none'}"
            )
        return
    if _TPU.fullmatch(name) or name == _CLOUD_TPU:
        return
    family, _, cpus = name.rpartition("-")
    if not cpus.isdecimal() or int(cpus) not in (_TRAINING if training else _SERVING).get(family, ()):
        purpose = "custom training" if training else "predictions"
        raise InvalidArgument(
            f'{where}.machine_type: Machine type "{name}" is not supported. Expected a machine for {purpose}.'
        )
    if accelerator:
        _check_n1(name, accelerator, count, where)


def _check_n1(name: str, accelerator: str, count: int, where: str) -> None:
    match = _N1.fullmatch(name)
    cpus = int(match[2]) if match else 0
    counts = _N1_ACCELERATORS.get(accelerator, {}) if match else {}
    fitting = next((numbers for most, numbers in counts.items() if cpus <= most), ())
    if count not in fitting:
        raise InvalidArgument(
            f"{where}.accelerator_count: expected {' or '.join(map(str, fitting)) or 'no'} of {accelerator} "
            f"in {name}, received {count}"
        )


def accelerators(job_spec: Any) -> Counter[str]:
    """Return the number of accelerators of each name that a CustomJobSpec asks for."""
    found: Counter[str] = Counter()
    for pool in job_spec.worker_pool_specs:
        machine = pool.machine_spec
        tpu = _TPU.fullmatch(machine.machine_type)
        if tpu:
            found[_TPU_NAMES[tpu[1]]] += int(tpu[2]) * pool.replica_count
        elif machine.accelerator_type:
            found[machine.accelerator_type.name] += machine.accelerator_count * pool.replica_count
    return +found


def check_quota(quotas: Mapping[str, int], wanted: Mapping[str, int], used: Mapping[str, int]) -> None:
    """Refuse accelerators above a quota.

    Args:
        quotas: accelerators that may be used at once, by name.
        wanted: accelerators of a new job.
        used: accelerators of unfinished jobs.

    Raises:
        ResourceExhausted: there are too many; the message names the metrics as the service does.
    """
    names = sorted(
        name for name in wanted if name in quotas and wanted[name] + used.get(name, 0) > quotas[name]
    )
    if names:
        metrics = ",".join(f"aiplatform.googleapis.com/{quota_metric(name)}" for name in names)
        raise ResourceExhausted(f"The following quota metrics exceed quota limits: {metrics}")


def quota_metric(accelerator: str, *, spot: bool = False) -> str:
    """Return the name of the quota of an accelerator, on demand or on Spot VMs.

    https://cloud.google.com/vertex-ai/docs/quotas#custom-trained_models
    """
    prefix = f"{_METRIC}_preemptible" if spot else _METRIC
    if accelerator == _TPU_NAMES["ct5lp-hightpu"]:
        return f"{prefix}_tpu_v5e"
    if accelerator.startswith("TPU"):
        return f"{prefix}_{accelerator.lower()}"
    name = _GPU_METRICS.get(accelerator, accelerator.lower().replace("tesla_", ""))
    return f"{prefix}_{name}_gpus"


def quota_metrics() -> list[str]:
    """Return the names of all quotas of training jobs: of accelerators, and of CPUs by family."""
    from google.cloud.aiplatform_v1 import AcceleratorType

    accelerators = [one.name for one in AcceleratorType if one.name.startswith(("NVIDIA_", "TPU_"))]
    names = [quota_metric(name, spot=spot) for name in accelerators for spot in (False, True)]
    prefixes = (_METRIC, f"{_METRIC}_preemptible")
    cpus = [f"{prefix}_{family}cpus" for prefix in prefixes for family in ("", "n2_", "c2_", "g2_", "a2_")]
    return list(dict.fromkeys([*names, *cpus]))


def missing_accelerators(wanted: Mapping[str, int]) -> list[str]:
    """Return the names of accelerators of which this machine has fewer than are wanted."""
    there = _gpus_here() if wanted else []
    return [name for name, count in wanted.items() if sum(_is(name, gpu) for gpu in there) < count]


def _is(accelerator: str, gpu: str) -> bool:
    model = accelerator.removeprefix("NVIDIA_").removeprefix("TESLA_").partition("_")[0]
    return re.search(rf"\b{model}\b", gpu) is not None


def _gpus_here() -> Iterable[str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    answer = subprocess.run([program, "--list-gpus"], capture_output=True, text=True, check=False)
    return answer.stdout.splitlines() if answer.returncode == 0 else []
