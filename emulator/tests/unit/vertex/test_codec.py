import json

import pytest

from emulator.errors import InvalidArgument
from emulator.vertex import codec
from emulator.vertex.gapic import types


def read(message_type, *, fields=None, query=(), body_field="", body=b""):
    return codec.read_request(
        message_type, fields=fields or {}, query=query, body_field=body_field, body=body
    )


def test_read_request_joins_path_query_and_body() -> None:
    request = read(
        types.UpdateModelRequest,
        fields={"model.name": "projects/p/locations/l/models/1"},
        query=[("updateMask", "displayName,labels"), ("$alt", "json;enum-encoding=int"), ("alt", "json")],
        body_field="model",
        body=b'{"displayName": "new"}',
    )
    assert (request.model.name, request.model.display_name) == ("projects/p/locations/l/models/1", "new")
    assert list(request.update_mask.paths) == ["display_name", "labels"]


def test_read_request_takes_numbers_and_names_in_a_query() -> None:
    request = read(types.ListCustomJobsRequest, query=[("pageSize", "5"), ("page_token", "x")])
    assert (request.page_size, request.page_token) == (5, "x")


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ([("colour", "blue")], b""),
        ([], b"{"),
        ([], b"[]"),
        ([], b'{"colour": "blue"}'),
        ([], b'{"displayName": 7}'),
    ],
)
def test_read_request_of_an_unknown_field_or_wrong_type_is_refused(query, body) -> None:
    with pytest.raises(InvalidArgument, match="Invalid JSON payload"):
        read(types.CreateCustomJobRequest, query=query, body_field="custom_job", body=body)


def test_to_json_writes_enums_as_asked() -> None:
    job = types.CustomJob(state=types.JobState.JOB_STATE_RUNNING)
    assert json.loads(codec.to_json(job, integer_enums=True)) == {"state": 3}
    assert json.loads(codec.to_json(job, integer_enums=False)) == {"state": "JOB_STATE_RUNNING"}


def test_document_of_a_message_is_read_back() -> None:
    job = types.CustomJob(
        name="n", display_name="d", labels={"a": "b"}, state=types.JobState.JOB_STATE_FAILED
    )
    assert codec.from_document(types.CustomJob, codec.to_document(job)) == job
