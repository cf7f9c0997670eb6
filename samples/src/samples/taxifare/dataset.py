"""The folder of made-up trips: two CSV files, and a marker, written last, that says what it holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from samples.errors import SampleError
from samples.public_domain import dedication
from samples.sample import Progress, check_folder, marker_holds, silent, sizes, write_marker
from samples.taxifare.dirt import KINDS, soil
from samples.taxifare.trips import Trips

DEFAULT_ROWS = 16_000
MARKER = "made.json"
TRAIN = "taxi-train.csv"
VALID = "taxi-valid.csv"

_MAKER_VERSION = 1  # rises when the same seed gives other trips
_VALID_SHARE = 5  # for each row of taxi-valid.csv there are so many in taxi-train.csv
_README = """\
Taxi trips of New York, MADE UP by a program. Nobody ever took one of them.

Made by: python -m samples taxifare --rows {rows} --seed {seed}

{train_rows} rows in taxi-train.csv and {valid_rows} in taxi-valid.csv, without a header, in the columns of
the taxifare course: fare_amount, pickuplon, pickuplat, dropofflon, dropofflat, passengers, key. Dollars and
degrees.

Trips begin and end in parts of the city, near ends more often than far ones. The fare follows the tariff of
New York's yellow taxis from 2012: 2.50 dollars, and 0.50 for each fifth of a mile along the streets and for
each minute in slow traffic; 52 dollars between JFK and Manhattan; 17.50 more to Newark. Traffic and detours
are random, and no column tells of them. Some rows of taxi-train.csv are as they should not be, as in life:
{dirt}

They exist so that the whole way from trips to a served model can be tried on a fresh machine. An error
reached on them says nothing about real trips.
"""


@dataclass(frozen=True, kw_only=True)
class MadeTaxifare:
    """Made-up trips.

    Attributes:
        rows: of taxi-train.csv; taxi-valid.csv gets a fifth of that.
        seed: the same seed makes the same files.

    Raises:
        SampleError: a value is out of range.
    """

    rows: int = DEFAULT_ROWS
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rows < 10:
            raise SampleError("rows", expected="at least 10", received=self.rows)
        if self.seed < 0:
            raise SampleError("seed", expected="0 or more", received=self.seed)

    @property
    def made(self) -> bool:
        """Made up."""
        return True

    @property
    def description(self) -> str:
        """What it holds, in a few words."""
        return "made-up taxi trips of New York"

    def is_in(self, folder: Path) -> bool:
        """Whether a folder already holds exactly these trips."""
        return marker_holds(folder, MARKER, self._marker(folder))

    def write(self, folder: Path, *, progress: Progress = silent) -> int:
        """Fill a folder with the two files. Files of others in it stay as they are.

        Returns:
            How many files of data were written: 0 if the folder already holds exactly these trips.

        Raises:
            SampleError: `folder` is a file.
        """
        check_folder(folder)
        if self.is_in(folder):
            return 0
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARKER).unlink(missing_ok=True)
        valid_rows = self.rows // _VALID_SHARE
        progress(f"making {self.rows + valid_rows} trips")
        # Each file has a generator of its own: no trip of one is ever in the other.
        training, spoiling, validation = np.random.default_rng(self.seed).spawn(3)
        _write(folder / TRAIN, soil(spoiling, Trips.draw(training, self.rows).rows()))
        _write(folder / VALID, Trips.draw(validation, valid_rows).rows())
        dirt = "\n".join(f"  {words}: {share:.2%}" for words, (share, _) in KINDS.items())
        readme = _README.format(**asdict(self), train_rows=self.rows, valid_rows=valid_rows, dirt=dirt)
        (folder / "README.txt").write_text(readme)
        (folder / "LICENSE").write_text(dedication("trips"))
        write_marker(folder, MARKER, self._marker(folder))
        return 2

    def _marker(self, folder: Path) -> dict[str, object]:
        return {"maker": _MAKER_VERSION, **asdict(self), "files": sizes(folder, (TRAIN, VALID))}


def _write(file: Path, rows: Iterable[list[str]]) -> None:
    """One line for each row, its number at the end as the key."""
    file.write_text("".join(",".join([*row, str(index)]) + "\n" for index, row in enumerate(rows)))
