"""The text of a column to the bytes of a feature.

Most columns have few distinct values: each is checked and encoded once, and then looked up. Numbers that
hardly repeat are converted all together instead, as long as each of them plainly is a number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from contract import FeatureSpec
from preprocessing.rejections import RejectedError, excerpt
from preprocessing.tables.wire import bytes_entry, float_entry, float_prefix, int64_entry

UNUSABLE = b""
"""What no entry is."""

_KEPT_TEXTS = 20_000
_KEPT_CHARACTERS = 256
_INT64 = range(-(2**63), 2**63)
_FLOAT32_MAXIMUM = float(np.finfo(np.float32).max)
_REPEATING = 4
"""A column repeats itself where less than one text in so many is new."""

Floats = npt.NDArray[np.float64]


class Column(dict[str, bytes]):
    """Looks up the entry of a feature in a tf.Example by raw text; `UNUSABLE` if the text is no value.

    It is a mapping that fills itself, because a look-up in C is what makes rows fast: see `encoding`.

    Attributes:
        feature: what the column holds.
        numbers: the number by raw text, where the feature is one; as long as the text is kept.
        missing_texts: the kept texts that say that there is no value.
    """

    def __init__(self, feature: FeatureSpec, *, missing: tuple[str, ...]) -> None:
        """Encode for a feature; `missing` are spellings of a missing value, without spaces around."""
        super().__init__()
        self.feature = feature
        self.numbers: dict[str, float] = {}
        self.missing_texts: set[str] = set()
        self._missing = frozenset(spelling.strip() for spelling in missing)
        self._misses = 0
        # Together, only what `float` can tell from a missing value.
        self._together = (
            feature.is_number
            and feature.dtype == "float32"
            and not any(_is_finite(spelling) for spelling in self._missing)
        )
        self._indices = {word: index for index, word in enumerate(feature.vocabulary, feature.first_index)}

    def look_up(self, texts: Sequence[str]) -> tuple[list[bytes], Floats | None]:
        """The entries for n raw texts, and, if they were converted together, their numbers, shape (n,)."""
        if self._together and self._misses > len(texts) // _REPEATING:
            numbers = self._converted(texts)
            if numbers is not None:
                prefix, packed = float_prefix(self.feature.name), numbers.astype("<f4").tobytes()
                return [prefix + packed[at : at + 4] for at in range(0, len(packed), 4)], numbers
        if max(len(self), len(self.numbers)) > _KEPT_TEXTS:
            self.clear()
            self.numbers.clear()
            self.missing_texts.clear()
        self._misses = 0
        return list(map(self.__getitem__, texts)), None

    def numbers_of(self, texts: Sequence[str]) -> Floats:
        """The numbers that n texts stand for, shape (n,), just after they were looked up."""
        return np.fromiter(map(self.numbers.__getitem__, texts), np.float64, len(texts))

    def _converted(self, texts: Sequence[str]) -> Floats | None:
        """The numbers that n texts stand for, unless one of them has to be looked at."""
        together = "".join(texts)
        if "_" in together or not together.isascii():
            return None
        try:
            numbers = np.array(list(map(float, texts)))
        except ValueError:
            return None
        feature = self.feature
        low = -_FLOAT32_MAXIMUM if feature.minimum is None else feature.minimum
        high = _FLOAT32_MAXIMUM if feature.maximum is None else feature.maximum
        # Not-a-numbers fail both comparisons.
        return numbers if bool(np.all((numbers >= low) & (numbers <= high))) else None

    def __missing__(self, text: str) -> bytes:
        self._misses += 1
        try:
            entry = self.encode(text)
        except RejectedError:
            return UNUSABLE
        if len(text) <= _KEPT_CHARACTERS:
            self[text] = entry
        return entry

    def is_missing(self, text: str) -> bool:
        """Whether a raw text says that there is no value."""
        return text.strip() in self._missing

    def word(self, raw: str) -> str:
        """The word that a raw text stands for."""
        text, feature = raw.strip(), self.feature
        if text not in self._missing:
            return text
        if feature.vocabulary and isinstance(feature.default, int):
            return feature.vocabulary[feature.default - feature.first_index]
        return str(feature.default)

    def encode(self, raw: str) -> bytes:
        """The entry for a raw text.

        Raises:
            RejectedError: the text is no value of the feature.
        """
        feature, text = self.feature, raw.strip()
        if text in self._missing:
            if feature.default is None:
                raise RejectedError("missing_value", f"{feature.name}: expected a value, received {text!r}")
            if len(raw) <= _KEPT_CHARACTERS:
                self.missing_texts.add(raw)
            return self._encode_default(raw)
        if feature.is_number:
            return self._encode_number(raw, self._number(text))
        if feature.vocabulary and text not in self._indices:
            raise RejectedError(
                "unknown_label" if feature.role == "label" else "unknown_word",
                f"{feature.name}: expected a word of the vocabulary, received {excerpt(text)}",
            )
        return self._encode_word(text)

    def _encode_default(self, raw: str) -> bytes:
        default = self.feature.default
        if self.feature.is_number and not isinstance(default, str | None):
            return self._encode_number(raw, default)
        if isinstance(default, int):
            return int64_entry(self.feature.name, default)
        return self._encode_word(str(default))

    def _encode_word(self, text: str) -> bytes:
        if self.feature.dtype == "int64":
            return int64_entry(self.feature.name, self._indices[text])
        return bytes_entry(self.feature.name, text.encode())

    def _encode_number(self, raw: str, value: float) -> bytes:
        self.numbers[raw] = float(value)
        if self.feature.dtype == "int64":
            return int64_entry(self.feature.name, int(value))
        try:
            return float_entry(self.feature.name, value)
        except OverflowError:
            raise RejectedError(
                "out_of_range", f"{self.feature.name}: expected a float32, received {excerpt(raw.strip())}"
            ) from None

    def _number(self, text: str) -> float:
        feature = self.feature
        try:
            # Python takes more than numbers are written with elsewhere: 1_000 and the digits of all scripts.
            if "_" in text or not text.isascii():
                raise ValueError(text)
            value = float(text)
            if not math.isfinite(value):
                raise ValueError(text)
            if feature.dtype == "int64":
                value = self._integer(text, value)
        except ValueError:
            kind = "a whole number" if feature.dtype == "int64" else "a number"
            raise RejectedError(
                "not_a_number", f"{feature.name}: expected {kind}, received {excerpt(text)}"
            ) from None
        low, high = feature.minimum, feature.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            named = (("at least", low), ("at most", high))
            bounds = [f"{side} {bound:g}" for side, bound in named if bound is not None]
            raise RejectedError(
                "out_of_range", f"{feature.name}: expected {' and '.join(bounds)}, received {excerpt(text)}"
            )
        return value

    def _integer(self, text: str, value: float) -> int:
        """The whole number that a text says, `3`, `3.0` or `3e2`.

        Raises:
            ValueError: it is none.
            RejectedError: it has more than 64 bits.
        """
        if not value.is_integer():
            raise ValueError(text)
        digits = text.removeprefix("+").removeprefix("-")
        whole = int(text) if digits.isdecimal() else int(value)
        if whole not in _INT64:
            raise RejectedError(
                "out_of_range", f"{self.feature.name}: expected an int64, received {excerpt(text)}"
            )
        return whole


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
