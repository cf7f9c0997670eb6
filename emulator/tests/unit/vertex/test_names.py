import pytest

from emulator.errors import InvalidArgument
from emulator.vertex import names

NAME = "projects/p/locations/us-central1/customJobs/7"


def test_parts_of_a_name() -> None:
    assert names.project_of(NAME) == "p"
    assert names.location_of(NAME) == "projects/p/locations/us-central1"
    assert names.id_of(NAME) == "7"


def test_new_id_is_a_number_of_19_digits() -> None:
    assert len(names.new_id()) == 19
    assert names.new_id() != names.new_id()


@pytest.mark.parametrize("labels", [{}, {"a": ""}, {"a-b_c": "1-2_3"}, {"été": "à"}])
def test_check_labels_takes_what_google_takes(labels) -> None:
    names.check_labels(labels, "labels")


@pytest.mark.parametrize(
    "labels", [{"": "a"}, {"A": "a"}, {"a": "A"}, {"1a": "a"}, {"a": "b c"}, {"a" * 64: ""}, {"a": "b" * 64}]
)
def test_check_labels_of_another_form_is_refused(labels) -> None:
    with pytest.raises(InvalidArgument, match="labels"):
        names.check_labels(labels, "labels")


def test_check_labels_of_too_many_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="64"):
        names.check_labels({f"a{i}": "" for i in range(65)}, "labels")


@pytest.mark.parametrize("value", ["", "A", "-a", "a" * 64, "a/b"])
def test_check_id_of_another_form_is_refused(value: str) -> None:
    with pytest.raises(InvalidArgument, match="model_id"):
        names.check_id(value, "model_id")
