"""Distribution strategy (devices and workers) and mixed-precision policy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from contract.naming import EXPECTED_ACCELERATORS
from trainer.config import PrecisionName
from trainer.errors import InputError

_CPU_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})
_AMPERE = (8, 0)


def create_strategy(environment: Mapping[str, str]) -> tf.distribute.Strategy:
    """Return the strategy for the hardware of this process.

    A TPU where there is one, several workers where `TF_CONFIG` lists them, all GPUs of a machine, or one
    device.
    https://cloud.google.com/vertex-ai/docs/training/distributed-training#tf-config

    Raises:
        InputError: `TF_CONFIG` is no JSON.
    """
    if "TPU_NAME" in environment or tf.config.list_physical_devices("TPU"):
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=environment.get("TPU_NAME", "local"))
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if _workers(environment.get("TF_CONFIG", "")) > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()
    if len(gpus) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.OneDeviceStrategy("/gpu:0" if gpus else "/cpu:0")


@contextmanager
def compiled_for_gpus() -> Iterator[None]:
    """Let XLA compile what runs on GPUs meanwhile; without a GPU nothing changes.

    Else batch normalization and activations are kernels of their own, which read and write all activations.
    XLA chooses the operations itself, so that no model has to be written for it (docs/adr/0032).
    https://openxla.org/xla/tf2xla
    """
    if not tf.config.list_physical_devices("GPU"):
        yield
        return
    before = tf.config.optimizer.get_jit()
    tf.config.optimizer.set_jit("autoclustering")
    try:
        yield
    finally:
        tf.config.optimizer.set_jit(before)


def check_accelerators(environment: Mapping[str, str]) -> None:
    """Check that TensorFlow finds the accelerators that the job is paid for: else it would train on the CPU.

    Args:
        environment: may hold `PERENNIAL_EXPECTED_ACCELERATORS`, `GPU:4` for instance.

    Raises:
        InputError: there are fewer, or the variable is wrong.
    """
    expected = environment.get(EXPECTED_ACCELERATORS, "")
    if not expected:
        return
    kind, _, number = expected.partition(":")
    if kind not in ("GPU", "TPU") or not number.isdecimal():
        raise InputError(EXPECTED_ACCELERATORS, expected="GPU:NUMBER or TPU:NUMBER", received=expected)
    found = len(tf.config.list_physical_devices(kind))
    if found < int(number):
        libraries = "with CUDA's libraries" if kind == "GPU" else "with libtpu"
        raise InputError(
            EXPECTED_ACCELERATORS,
            expected=f"{expected}, on such a machine and in an image {libraries}",
            received=f"{kind}:{found}",
        )


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Return True if this process writes the results of the job."""
    resolver = strategy.cluster_resolver
    if resolver is None or not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return True
    if resolver.task_type == "chief":
        return True
    has_chief = "chief" in resolver.cluster_spec().jobs
    return bool(resolver.task_type == "worker" and resolver.task_id == 0 and not has_chief)


def is_multi_worker(strategy: tf.distribute.Strategy) -> bool:
    """Return True if other processes take part in every step."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def _workers(tf_config: str) -> int:
    if not tf_config:
        return 1
    try:
        cluster = json.loads(tf_config).get("cluster", {})
        return sum(len(cluster.get(role, ())) for role in ("chief", "master", "worker"))
    except (ValueError, AttributeError) as error:
        raise InputError("TF_CONFIG", expected="a JSON object", received=tf_config[:200]) from error


def dtype_policy(precision: PrecisionName, *, cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the Keras dtype policy of a precision: `float32` or `mixed_bfloat16`.

    `auto` means bfloat16 where it is faster: TPUs, NVIDIA GPUs from Ampere on, and processors with
    instructions for it. Elsewhere it is emulated, and slower than float32.

    Args:
        precision: of the job.
        cpuinfo: file in which Linux lists the features of the processor.
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
