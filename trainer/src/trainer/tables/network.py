"""A wide and a deep network side by side, over the encoded columns of a table."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from trainer.tables.columns import CROSSES, NUMBERS, WORDS

_EMBEDDING_STD = 0.05
"""Small, so that a word that was hardly seen says hardly anything."""


def wide_and_deep(
    encoded: dict[str, tuple[int, ...]],
    *,
    word_count: int,
    cross_count: int,
    embedding_size: int,
    layers: Sequence[int],
    dropout: float,
    outputs: int,
    policy: str,
    seed: int,
) -> keras.Model:
    """An untrained network (Cheng et al., 2016, https://arxiv.org/abs/1606.07792).

    The wide part is linear in the numbers and has a weight for each word and each combination; the deep part
    sees the numbers and an embedding of each word. Their outputs are added.

    Args:
        encoded: the shape of each input without the batch: `numbers`, `words`, `crosses`.
        word_count: indices of words.
        cross_count: indices of combinations.
        embedding_size: numbers that stand for a word.
        layers: units of each hidden layer.
        dropout: share of the outputs of a hidden layer that a training step leaves out.
        outputs: of the network.
        policy: Keras dtype policy of all layers but the last.
        seed: of weights and dropout.

    Returns:
        A model from the inputs by name to float32 (batch, outputs).
    """
    seeds = iter(range(seed * 1000, (seed + 1) * 1000))
    inputs = {
        name: keras.Input(shape, name=name, dtype="float32" if name == NUMBERS else "int32")
        for name, shape in encoded.items()
    }
    deep, wide = [], []
    if NUMBERS in inputs:
        deep.append(inputs[NUMBERS])
        wide.append(
            keras.layers.Dense(
                outputs, use_bias=False, kernel_initializer="zeros", dtype="float32", name="wide_numbers"
            )(inputs[NUMBERS])
        )
    for name, count in ((WORDS, word_count), (CROSSES, cross_count)):
        if name in inputs:
            weights = keras.layers.Embedding(
                count, outputs, embeddings_initializer="zeros", dtype="float32", name=f"wide_{name}"
            )(inputs[name])
            wide.append(keras.ops.sum(weights, axis=1))
    if WORDS in inputs:
        embedded = keras.layers.Embedding(
            word_count,
            embedding_size,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=_EMBEDDING_STD, seed=next(seeds)),
            dtype=policy,
            name="embeddings",
        )(inputs[WORDS])
        deep.append(keras.layers.Flatten(dtype=policy)(embedded))
    x = deep[0] if len(deep) == 1 else keras.layers.Concatenate(dtype=policy)(deep)
    for index, units in enumerate(layers):
        x = keras.layers.Dense(
            units,
            activation="relu",
            kernel_initializer=keras.initializers.HeNormal(seed=next(seeds)),
            dtype=policy,
            name=f"hidden_{index}",
        )(x)
        if dropout:
            x = keras.layers.Dropout(dropout, seed=next(seeds), dtype=policy)(x)
    last = keras.layers.Dense(
        outputs,
        kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
        dtype="float32",
        name="deep",
    )(x)
    return keras.Model(inputs, keras.layers.Add(dtype="float32", name="outputs")([last, *wide]))
