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


@pytest.mark.parametrize("value", ["a", "_a", "a_b-", "a" * 63])
def test_check_model_id_takes_what_google_takes(value: str) -> None:
    names.check_model_id(value)


@pytest.mark.parametrize("value", ["", "A", "-a", "1a", "a" * 64, "a/b", "../x", "/some/folder", "é", "a\n"])
def test_check_model_id_of_another_form_is_refused(value: str) -> None:
    with pytest.raises(InvalidArgument, match="model_id"):
        names.check_model_id(value)


@pytest.mark.parametrize("value", ["a", "a-1", "a" * 63, "7", "123456789"])
def test_check_endpoint_id_takes_what_google_takes(value: str) -> None:
    names.check_endpoint_id(value)


@pytest.mark.parametrize(
    "value",
    ["", "A", "-a", "a-", "a_b", "1a", "07", "1234567890", "a" * 64, "a/b", "../x", "/a/b", "٣", "a\n"],
)
def test_check_endpoint_id_of_another_form_is_refused(value: str) -> None:
    with pytest.raises(InvalidArgument, match="endpoint_id"):
        names.check_endpoint_id(value)


def test_check_deployed_model_id_takes_what_google_takes() -> None:
    for value in ("1", "1234567890", names.new_deployed_model_id()):
        names.check_deployed_model_id(value, "deployed_model.id")


@pytest.mark.parametrize("value", ["", "a", "-1", "1" * 11, "a/b", "../x", "/some/folder", "٣", "1\n"])
def test_check_deployed_model_id_of_another_form_is_refused(value: str) -> None:
    with pytest.raises(InvalidArgument, match=r"deployed_model\.id"):
        names.check_deployed_model_id(value, "deployed_model.id")
