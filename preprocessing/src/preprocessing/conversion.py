"""A conversion as one value: what is converted, by which contract, to where."""

from __future__ import annotations

from dataclasses import dataclass

from contract import ContractError, DataContract
from preprocessing.formats import FORMATS, Format
from preprocessing.output import OutputFolder
from preprocessing.sources import Source


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """All that the pipeline needs to know.

    Attributes:
        contract: what the records hold, how they are split, how many may be rejected.
        source: the raw data.
        output: where shards and metadata are written.
        num_shards: shards of each split; `None` for as many as the format makes of the raw data's size.

    Raises:
        ContractError: a field has a value that it can't have.
    """

    contract: DataContract
    source: Source
    output: OutputFolder
    num_shards: int | None = None

    def __post_init__(self) -> None:
        self.format.check(self.contract)
        if self.num_shards is not None and not 1 <= self.num_shards <= 99_999:
            raise ContractError("num_shards", expected="1 to 99999", received=self.num_shards)

    @property
    def format(self) -> Format:
        """How the raw data is read."""
        return FORMATS[self.contract.record_format]
