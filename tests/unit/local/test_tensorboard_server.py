"""TensorBoard's guard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from werkzeug.test import Client

from local.tensorboard_server import guarded


def board(_environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"curves"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:6006"}, 200),
        ({"Host": "127.0.0.1:6006", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Host": "localhost", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}, 200),
        ({"Host": "localhost", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}, 403),
        ({"Host": "localhost", "Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "empty"}, 403),
        ({"Host": "attacker.example:6006"}, 403),
        ({"Host": "localhost.attacker.example"}, 403),
    ],
)
def test_board_is_shown_to_its_own_site_and_to_who_follows_a_link(
    headers: dict[str, str], status: int
) -> None:
    answer = Client(guarded(board)).get("/data/runs", headers=headers)
    assert answer.status_code == status
    assert (answer.text == "curves") == (status == 200)
