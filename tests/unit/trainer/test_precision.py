"""Which floating-point type is taken."""

from __future__ import annotations

import pytest

from trainer.precision import policy_of


@pytest.mark.parametrize(
    ("flags", "policy"),
    [
        ("fpu sse avx2", "float32"),
        ("fpu avx2 avx512_bf16", "mixed_bfloat16"),
        ("fpu amx_bf16 amx_tile", "mixed_bfloat16"),
    ],
)
def test_policy_of_auto_on_a_processor_follows_its_instructions(tmp_path, flags, policy):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t: none\n")

    assert policy_of("auto", cpuinfo=cpuinfo) == policy


def test_policy_of_auto_without_cpuinfo_is_float32(tmp_path):
    assert policy_of("auto", cpuinfo=tmp_path / "none") == "float32"


def test_policy_of_a_given_precision_is_taken_as_it_is(tmp_path):
    assert policy_of("bfloat16", cpuinfo=tmp_path / "none") == "mixed_bfloat16"
