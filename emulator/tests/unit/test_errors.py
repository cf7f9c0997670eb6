import json

from emulator.errors import NotFound, NotModified, response


def test_response_of_error_has_googles_form():
    answer = response(NotFound("No such thing."))
    assert answer.status_code == 404
    assert json.loads(answer.body)["error"] == {
        "code": 404,
        "message": "No such thing.",
        "status": "NOT_FOUND",
        "errors": [{"message": "No such thing.", "domain": "global", "reason": "notFound"}],
    }


def test_response_of_not_modified_has_no_body():
    answer = response(NotModified())
    assert (answer.status_code, answer.body) == (304, b"")
