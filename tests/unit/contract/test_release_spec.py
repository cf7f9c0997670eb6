"""Machines of a deployed model: what a dataset says, and what its deployment says for the rest."""

from __future__ import annotations

import pytest

from contract import ContractError, ServingSpec

DEFAULTS = ServingSpec(
    machine_type="g2-standard-12",
    accelerator_type="NVIDIA_L4",
    accelerator_count=1,
    min_replicas=2,
    max_replicas=4,
    dedicated_endpoint=True,
    request_timeout_seconds=60,
    keep_replaced_minutes=30,
)


def test_spec_that_says_nothing_takes_all_of_the_deployment() -> None:
    assert ServingSpec().with_defaults(DEFAULTS) == DEFAULTS


def test_spec_wins() -> None:
    said = ServingSpec(
        machine_type="n1-standard-4",
        min_replicas=1,
        max_replicas=1,
        dedicated_endpoint=False,
        keep_replaced_minutes=0,
    )
    assert said.with_defaults(DEFAULTS) == said


@pytest.mark.parametrize(
    ("said", "machine"),
    [
        (ServingSpec(), ("g2-standard-12", "NVIDIA_L4", 1)),
        (ServingSpec(machine_type="n1-standard-4"), ("n1-standard-4", None, None)),
        (ServingSpec(accelerator_type="NVIDIA_TESLA_T4"), ("g2-standard-12", "NVIDIA_TESLA_T4", None)),
    ],
)
def test_machine_and_accelerator_go_together(said: ServingSpec, machine: tuple[object, ...]) -> None:
    found = said.with_defaults(DEFAULTS)
    assert (found.machine_type, found.accelerator_type, found.accelerator_count) == machine


@pytest.mark.parametrize(
    ("said", "replicas"),
    [
        (ServingSpec(), (2, 4)),
        (ServingSpec(min_replicas=6), (6, 6)),
        (ServingSpec(min_replicas=1), (1, 4)),
        (ServingSpec(max_replicas=1), (1, 1)),
    ],
)
def test_replicas_of_two_sources_are_in_order(said: ServingSpec, replicas: tuple[int, int]) -> None:
    found = said.with_defaults(DEFAULTS)
    assert (found.min_replicas, found.max_replicas) == replicas


def test_timeout_of_a_dedicated_endpoint_is_none_of_a_shared_one() -> None:
    assert ServingSpec(dedicated_endpoint=False).with_defaults(DEFAULTS).request_timeout_seconds is None


@pytest.mark.parametrize("fields", [{"min_replicas": 0}, {"max_replicas": 0}, {"accelerator_count": 0}])
def test_wrong_number_names_the_field(fields: dict[str, int]) -> None:
    with pytest.raises(ContractError) as failure:
        ServingSpec(**fields)  # type: ignore[arg-type]
    assert failure.value.field == f"serving.{next(iter(fields))}"
