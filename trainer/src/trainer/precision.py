"""Which floating-point type to compute in."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from trainer.config import PrecisionName

_CPU_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})
_AMPERE = (8, 0)


def policy_of(precision: PrecisionName, *, cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The Keras dtype policy of a precision: `float32` or `mixed_bfloat16`.

    `auto` takes bfloat16 where it is faster: TPUs, NVIDIA GPUs from Ampere on, and processors with
    instructions for it. Elsewhere it is emulated, and slower than float32.

    Args:
        precision: what was asked for.
        cpuinfo: where Linux tells what the processor can do.
    """
    if precision == "auto":
        precision = "bfloat16" if _gains_from_bfloat16(cpuinfo) else "float32"
    return "mixed_bfloat16" if precision == "bfloat16" else "float32"


def _gains_from_bfloat16(cpuinfo: Path) -> bool:
    if tf.config.list_logical_devices("TPU"):
        return True
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
        return all(detail.get("compute_capability", (0, 0)) >= _AMPERE for detail in details)
    return bool(_cpu_flags(cpuinfo) & _CPU_FLAGS)


def _cpu_flags(cpuinfo: Path) -> frozenset[str]:
    if not cpuinfo.is_file():
        return frozenset()
    lines = (line.partition(":") for line in cpuinfo.read_text().splitlines())
    return frozenset(flag for name, _, value in lines if name.strip() == "flags" for flag in value.split())
