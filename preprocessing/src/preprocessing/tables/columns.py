"""The text of a column to the bytes of a feature: each distinct text is checked and encoded once."""

from __future__ import annotations

import math

from dataset_contract import FeatureSpec
from preprocessing.rejections import RejectedError, excerpt
from preprocessing.tables.wire import bytes_entry, float_entry, int64_entry

UNUSABLE = b""
"""What no entry is."""

_KEPT_TEXTS = 20_000
_KEPT_CHARACTERS = 256
_NUMBER_CHARACTERS = 100
_INT64 = range(-(2**63), 2**63)


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
        self._indices = {word: index for index, word in enumerate(feature.vocabulary, feature.first_index)}

    def __missing__(self, text: str) -> bytes:
        try:
            entry = self.encode(text)
        except RejectedError:
            return UNUSABLE
        if len(text) <= _KEPT_CHARACTERS:
            self[text] = entry
        return entry

    def trim(self) -> None:
        """Forget what was looked up when it is much, so that memory stays bounded."""
        if len(self) > _KEPT_TEXTS:
            self.clear()
            self.numbers.clear()
            self.missing_texts.clear()

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
            if "_" in text or not text.isascii() or len(text) > _NUMBER_CHARACTERS:
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
            bounds = [f"at least {low:g}"] * (low is not None) + [f"at most {high:g}"] * (high is not None)
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
