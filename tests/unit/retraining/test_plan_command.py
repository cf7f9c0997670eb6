"""Command line of `python -m retraining.plan`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from retraining.plan.__main__ import argument_parser, main


def test_main_of_an_unknown_dataset_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["roses", "--from", "2019-01-01", "--to", "2019-02-01"])
    assert "dataset: expected one of autoencoder, census," in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--from", "soon", "--to", "2019-01-01"],
            "--from: expected YYYY-MM-DD or ISO 8601, received 'soon'",
        ),
        (
            ["--from", "2019-01-01", "--to", "2019-01-01", "--max-active-runs", "0"],
            "--max-active-runs: expected 1 or more, received '0'",
        ),
    ],
)
def test_argument_parser_refuses_and_names_the_argument(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        argument_parser().parse_args(["trips", *arguments])
    assert message in capsys.readouterr().err


def test_argument_parser_keeps_a_zone_and_else_takes_utc() -> None:
    options = argument_parser().parse_args(
        ["trips", "--from", "2019-01-01", "--to", "2019-02-01T00:00+02:00"]
    )
    assert options.since == datetime(2019, 1, 1, tzinfo=UTC)
    assert options.until.tzinfo == timezone(timedelta(hours=2))
