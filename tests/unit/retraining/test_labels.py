"""The labels by which a retry finds what an earlier try made."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retraining import labels
from retraining.context import Run

RUN = Run(dag_id="flowers_training", run_id="manual__1", data_until=datetime(2026, 1, 31, tzinfo=UTC))


def test_identify_is_a_pure_function_of_its_inputs() -> None:
    one = labels.identify("flowers", RUN, "train", {"a": 1, "b": 2})
    assert one == labels.identify("flowers", RUN, "train", {"b": 2, "a": 1})
    assert one != labels.identify("flowers", RUN, "train", {"a": 1, "b": 3})
    assert one != labels.identify("flowers", RUN, "promote", {"a": 1, "b": 2})


def test_identity_gives_labels_and_the_filter_that_finds_them() -> None:
    identity = labels.identify("flowers", RUN, "train", {})
    assert identity.labels == {
        "perennial_dataset": "flowers",
        "perennial_run": RUN.slug,
        "perennial_task": "train",
        "perennial_inputs": "44136fa355b3",
    }
    assert identity.filter == (
        'labels.perennial_dataset="flowers" AND '
        f'labels.perennial_run="{RUN.slug}" AND '
        'labels.perennial_task="train" AND '
        'labels.perennial_inputs="44136fa355b3"'
    )


def test_identity_owns_what_has_all_its_labels_among_others() -> None:
    identity = labels.identify("flowers", RUN, "train", {})
    assert identity.owns({**identity.labels, "team": "vision"})
    assert not identity.owns({**identity.labels, "perennial_task": "promote"})
    assert not identity.owns({})


def test_time_value_sorts_as_the_times_do() -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    earlier = labels.time_value(noon.astimezone(timezone(timedelta(hours=9))))
    later = labels.time_value(noon + timedelta(seconds=1))
    assert earlier == "20260131t120000z"
    assert earlier < later
    assert labels.read_time(earlier) == noon


@pytest.mark.parametrize("value", ["", "soon", "20261331t120000z"])
def test_read_time_of_another_label_is_nothing(value: str) -> None:
    assert labels.read_time(value) is None


@given(st.text(max_size=200))
def test_label_value_of_any_text_is_one_that_the_service_takes(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9_-]{0,63}", labels.label_value(text))


def test_label_value_of_an_image_keeps_its_end() -> None:
    image = "us-central1-docker.pkg.dev/some-project-of-ours/perennial/trainer:0.1.0"
    assert labels.label_value(image).endswith("perennial-trainer-0-1-0")
