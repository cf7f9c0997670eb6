import pytest

from emulator.errors import InvalidArgument
from emulator.state import State
from emulator.vertex.gapic import types
from emulator.vertex.resources import Resources, select_page

JOBS = [
    types.CustomJob(display_name="b", labels={"run-id": "1"}, state=types.JobState.JOB_STATE_FAILED),
    types.CustomJob(display_name="a", labels={"run-id": "2"}, state=types.JobState.JOB_STATE_SUCCEEDED),
    types.CustomJob(display_name="c", state=types.JobState.JOB_STATE_SUCCEEDED),
]


def names(**arguments) -> list[str]:
    page, _ = select_page(JOBS, **{"page_size": 0, "page_token": "", **arguments})
    return [job.display_name for job in page]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["b", "a", "c"]),
        ('display_name="a"', ["a"]),
        ('labels.run-id="1"', ["b"]),
        ("labels.run-id:*", ["b", "a"]),
        ('state="JOB_STATE_SUCCEEDED" AND NOT display_name="a"', ["c"]),
        ("display_name=a OR display_name=b", ["b", "a"]),
    ],
)
def test_select_page_filters(text: str, expected: list[str]) -> None:
    assert names(filter_text=text) == expected


def test_select_page_orders() -> None:
    assert names(order_by="display_name") == ["a", "b", "c"]
    assert names(order_by="state desc, display_name") == ["a", "c", "b"]


def test_select_page_goes_on_at_its_token() -> None:
    first, token = select_page(JOBS, page_size=2, page_token="")
    second, end = select_page(JOBS, page_size=2, page_token=token)
    assert [job.display_name for job in first + second] == ["b", "a", "c"]
    assert end == ""


@pytest.mark.parametrize(
    "arguments", [{"page_token": "?"}, {"page_size": -1}, {"order_by": "a up"}, {"filter_text": "a ="}]
)
def test_select_page_of_what_it_does_not_understand_is_refused(arguments) -> None:
    with pytest.raises(InvalidArgument):
        names(**arguments)


def test_resources_are_read_as_copies_of_what_was_written_last(tmp_path) -> None:
    state = State(tmp_path / "state.sqlite")
    resources = Resources(state, "customJobs", types.CustomJob)
    resources.put(types.CustomJob(name="jobs/1", display_name="first", labels={"run": "a"}))
    read = resources.get("jobs/1")
    read.labels["run"] = "b"
    assert resources.get("jobs/1").labels == {"run": "a"}
    resources.put(read)
    assert [job.labels["run"] for job in resources.newest_first()] == ["b"]
    resources.delete("jobs/1")
    assert resources.newest_first() == []
    state.close()
