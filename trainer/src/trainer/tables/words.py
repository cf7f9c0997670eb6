"""Words as the indices that embeddings take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from contract import FeatureSpec, WordStatistics

_HASHES = 2**63 - 1
_MIN_COUNT = 2


@dataclass(frozen=True, kw_only=True)
class WordColumn:
    """A feature that holds words, each with an index from 1; 0 stands for every word that is none of them.

    Attributes:
        name: of the feature.
        default: what stands for a missing word.
        missing: spellings of a missing word.
        words: the words in the order of their indices.
    """

    name: str
    default: str
    missing: tuple[str, ...]
    words: tuple[str, ...]

    @classmethod
    def of(cls, feature: FeatureSpec, statistics: WordStatistics, *, missing: tuple[str, ...]) -> WordColumn:
        """The column of a feature.

        Args:
            feature: it holds words.
            statistics: of its values in training. What was seen only once counts as unknown, so that the
                index 0 is trained, too.
            missing: spellings of a missing word.
        """
        counted = (word for word, count in statistics.words.items() if count >= _MIN_COUNT)
        default = "" if feature.default is None else str(feature.default)
        return cls(
            name=feature.name,
            default=default,
            missing=missing,
            words=feature.vocabulary or tuple(counted),
        )

    @property
    def size(self) -> int:
        """How many indices there are."""
        return len(self.words) + 1

    def clean(self, values: tf.Tensor) -> tf.Tensor:
        """The words without spaces around them, and the default where there is none; string (batch,)."""
        words = tf.strings.strip(values)
        if not self.missing:
            return words
        is_missing = tf.reduce_any(words[:, None] == tf.constant(self.missing), axis=1)
        return tf.where(is_missing, self.default, words)

    def index(self, words: tf.Tensor) -> tf.Tensor:
        """The indices of clean words, int32 (batch,).

        Words are found by their 63-bit hashes in a sorted constant: a lookup table would be a resource,
        which an export has to carry and to initialize.
        """
        if not self.words:
            return tf.zeros_like(words, tf.int32)
        with tf.init_scope():
            known = tf.strings.to_hash_bucket_fast(tf.constant(self.words), _HASHES).numpy()
        order = np.argsort(known)
        hashes = tf.strings.to_hash_bucket_fast(words, _HASHES)
        places = tf.minimum(tf.searchsorted(known[order], hashes), len(order) - 1)
        found = tf.gather(known[order], places) == hashes
        return tf.where(found, tf.gather((order + 1).astype(np.int32), places), 0)
