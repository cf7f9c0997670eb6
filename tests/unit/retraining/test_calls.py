"""Delays between polls, and errors that are worth another call."""

from __future__ import annotations

import itertools

import pytest
import requests
from google.api_core import exceptions
from google.auth.exceptions import RefreshError, TransportError

from retraining.google.calls import delays, is_transient


def test_delays_are_short_at_first_and_end_at_the_longest() -> None:
    found = list(itertools.islice(delays(2.0), 12))
    assert found[0] == 0.2
    assert found == sorted(found)
    assert found[-1] == 2.0


def test_delays_are_never_longer_than_asked_for() -> None:
    assert set(itertools.islice(delays(0.1), 5)) == {0.1}


@pytest.mark.parametrize(
    "error",
    [
        exceptions.TooManyRequests("429"),
        exceptions.InternalServerError("500"),
        exceptions.BadGateway("502"),
        exceptions.ServiceUnavailable("503"),
        exceptions.GatewayTimeout("504"),
        requests.ConnectionError(),
        requests.Timeout(),
        TransportError(),
        ConnectionResetError(),
    ],
)
def test_is_transient_of_a_servers_trouble_is_true(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        exceptions.BadRequest("400"),
        exceptions.Forbidden("403"),
        exceptions.NotFound("404"),
        exceptions.MethodNotImplemented("501"),
        RefreshError(),
        KeyError("x"),
    ],
)
def test_is_transient_of_a_wrong_request_is_false(error: Exception) -> None:
    assert not is_transient(error)
