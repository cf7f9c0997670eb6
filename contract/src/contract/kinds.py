"""Features by what they are to a dataset: short names for what a spec says most often."""

from __future__ import annotations

from contract.features import FeatureSpec, Role


def number(
    name: str,
    *,
    default: float | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    role: Role = "input",
) -> FeatureSpec:
    """A quantity; a record that lacks it is rejected unless there is a default."""
    return FeatureSpec(
        name=name, dtype="float32", role=role, default=default, minimum=minimum, maximum=maximum
    )


def category(name: str, *, default: str | None = None, role: Role = "input") -> FeatureSpec:
    """A word; the conversion's statistics tell which ones there are."""
    return FeatureSpec(name=name, dtype="string", role=role, default=default)


def key(name: str, *, default: str | None = None) -> FeatureSpec:
    """What tells a record from the others, and decides on which side of the split it is."""
    return FeatureSpec(name=name, dtype="string", role="key", default=default)


def class_label(name: str, vocabulary: tuple[str, ...]) -> FeatureSpec:
    """The class that a model predicts, stored as its index from 0; the order is the order of the outputs."""
    return FeatureSpec(name=name, dtype="int64", role="label", vocabulary=vocabulary)


def target(name: str, *, minimum: float | None = None, maximum: float | None = None) -> FeatureSpec:
    """The quantity that a model predicts."""
    return number(name, minimum=minimum, maximum=maximum, role="label")


def image_features(labels: tuple[str, ...]) -> tuple[FeatureSpec, ...]:
    """The classic ImageNet keys of a labelled JPEG.

    The label is stored from 1, as in the original ImageNet records; models predict from 0.

    Source: https://github.com/tensorflow/models/blob/master/research/inception/inception/data/build_image_data.py
    """
    return (
        FeatureSpec(name="image/encoded", dtype="string", description="the JPEG file"),
        _imagenet_label(labels),
        FeatureSpec(name="image/class/synset", dtype="string", role="metadata", description="the label"),
        FeatureSpec(name="image/filename", dtype="string", role="metadata", description="path in the source"),
        FeatureSpec(name="image/height", dtype="int64", role="metadata", description="pixels"),
        FeatureSpec(name="image/width", dtype="int64", role="metadata", description="pixels"),
        FeatureSpec(name="image/channels", dtype="int64", role="metadata", description="3"),
        FeatureSpec(name="image/colorspace", dtype="string", role="metadata", description="RGB"),
        FeatureSpec(name="image/format", dtype="string", role="metadata", description="JPEG"),
    )  # fmt: skip


def idx_features(labels: tuple[str, ...] = tuple("0123456789")) -> tuple[FeatureSpec, ...]:
    """The ImageNet keys that an image of MNIST and its kind has; labels are digits, stored from 1."""
    return (
        FeatureSpec(name="image/encoded", dtype="string", description="a PNG, without loss"),
        _imagenet_label(labels),
        FeatureSpec(
            name="image/filename", dtype="string", role="metadata", description="file and index in it"
        ),
        FeatureSpec(name="image/height", dtype="int64", role="metadata", description="pixels"),
        FeatureSpec(name="image/width", dtype="int64", role="metadata", description="pixels"),
        FeatureSpec(name="image/channels", dtype="int64", role="metadata", description="1"),
        FeatureSpec(name="image/colorspace", dtype="string", role="metadata", description="Grayscale"),
        FeatureSpec(name="image/format", dtype="string", role="metadata", description="PNG"),
    )  # fmt: skip


def _imagenet_label(labels: tuple[str, ...]) -> FeatureSpec:
    return FeatureSpec(
        name="image/class/label", dtype="int64", role="label", vocabulary=labels, first_index=1,
        description="index of the label, from 1",
    )  # fmt: skip
