"""Flags of each model: ResNet, autoencoder, wide & deep, regression."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Literal

from pydantic import Field

from contract.values import name_groups
from trainer.flags import Count, Flag, FlagModel, Fraction, Positive

ResnetDepth = Literal[18, 34, 50, 101, 152, 200]
ExportFormat = Literal["JSON", "CSV", "EXAMPLE"]

_NAME = r'\s*("([^"]|"")+"|[^",+\s][^",+]*)\s*'
_CROSS = rf"{_NAME}(\+{_NAME})+"
DropoutRate = Annotated[
    Fraction,
    Field(title="Dropout rate", description="Fraction of each hidden layer's outputs dropped in training"),
]
ClassWeights = Annotated[
    Literal["none", "balanced"],
    Field(
        title="Class weights",
        description="Weights of the classes in the training loss: none, or balanced, by which every class "
        "counts the same however many records it has",
    ),
]
NameList = Annotated[
    str,
    Field(pattern=rf"^\s*$|^{_NAME}(,{_NAME})*$"),
    Flag(expected="names, separated by commas; one with a comma, a plus or a quote in double quotes"),
]


class ResnetOptions(FlagModel):
    """Flags of a ResNet classifier; the defaults are the source's ResNet-18 at 224 pixels."""

    resnet_depth: Annotated[ResnetDepth, Field(title="ResNet depth", description="Layers of the ResNet")] = 18
    image_size: Annotated[
        int,
        Field(ge=32, le=1024, title="Image size", description="Side of the square input image, in pixels"),
        Flag(unit="pixels"),
    ] = 224
    class_weights: ClassWeights = "none"
    label_smoothing: Annotated[
        Fraction,
        Field(title="Label smoothing", description="Probability mass that is spread evenly over all classes"),
    ] = 0.0
    crop_area_min: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            title="Minimum crop area",
            description="Smallest fraction of an image's area that a random training crop keeps",
        ),
    ] = 0.08


class AutoencoderOptions(FlagModel):
    """Flags of a convolutional autoencoder of grayscale images."""

    image_size: Annotated[
        int,
        Field(
            ge=8,
            le=256,
            multiple_of=4,
            title="Image size",
            description="Side of the square input image, in pixels; a multiple of 4",
        ),
        Flag(unit="pixels"),
    ] = 28
    filters: Annotated[
        Count,
        Field(title="Filters", description="Filters of the first convolution; the second has twice as many"),
    ] = 16
    code_size: Annotated[
        Count,
        Field(
            title="Bottleneck size",
            description="Latent dimension: numbers that the encoder reduces an image to",
        ),
    ] = 32


class TableOptions(FlagModel, ABC):
    """Flags that the models of tables have in common."""

    embedding_size: Annotated[
        Count,
        Field(title="Embedding dimension", description="Length of the embedding of a categorical value"),
    ] = 8
    dropout: DropoutRate = 0.1
    num_bins: Annotated[
        int,
        # Statistics hold percentiles: more bins can't be told apart.
        Field(
            ge=0,
            le=100,
            title="Number of bins",
            description="Quantile bins of the piecewise linear encoding of each number; 0 for none",
        ),
        Flag(unit="bins"),
    ] = 20
    categorical_numbers: Annotated[
        NameList,
        Field(
            title="Categorical numbers",
            description="Numeric features whose values are embedded as categories as well, separated by "
            "commas",
        ),
    ] = ""
    crosses: Annotated[
        str,
        Field(
            pattern=rf"^\s*$|^{_CROSS}(,{_CROSS})*$",
            title="Feature crosses",
            description="Features whose combinations have weights of their own, joined by +, groups "
            "separated by commas: education+occupation,age+education; numbers count by their decile",
        ),
        Flag(expected="groups of two or more names, joined by +, separated by commas"),
    ] = ""
    cross_buckets: Annotated[
        Count,
        Field(
            title="Hash buckets", description="Most weights of a feature cross; more combinations are hashed"
        ),
    ] = 10_000
    geo_pairs: Annotated[
        str,
        Field(
            pattern=rf"^\s*$|^{_NAME}(,{_NAME}){{3}}$",
            title="Coordinate pairs",
            description="Four numeric features that hold two points in degrees: longitude, latitude, "
            "longitude, latitude, separated by commas; encoded as distances and directions",
        ),
        Flag(expected="no or four names, separated by commas"),
    ] = ""
    export_format: Annotated[
        ExportFormat,
        Field(
            title="Export format",
            description="Content of a prediction request: JSON columns, a CSV row of all inputs in order, or "
            "a serialized tf.Example",
        ),
    ] = "JSON"

    @property
    def categorical_number_names(self) -> tuple[str, ...]:
        """Features of `categorical_numbers`."""
        return _names(self.categorical_numbers)

    @property
    def cross_groups(self) -> tuple[tuple[str, ...], ...]:
        """Features of each group of `crosses`."""
        return name_groups(self.crosses)

    @property
    def geo_pair_names(self) -> tuple[str, ...]:
        """Features of `geo_pairs`: four, or none."""
        return _names(self.geo_pairs)

    @property
    @abstractmethod
    def layers(self) -> tuple[int, ...]:
        """Units of each hidden layer."""


class WideDeepOptions(TableOptions):
    """Flags of wide & deep (Cheng et al., 2016, https://arxiv.org/abs/1606.07792), the source's defaults."""

    class_weights: ClassWeights = "none"
    first_layer_size: Annotated[
        Count, Field(title="First layer units", description="Units of the first hidden layer")
    ] = 100
    num_layers: Annotated[Count, Field(title="Hidden layers", description="Number of hidden layers")] = 4
    scale_factor: Annotated[
        Positive,
        Field(title="Layer scale factor", description="Ratio of the units of successive hidden layers"),
    ] = 0.7

    @property
    def layers(self) -> tuple[int, ...]:
        """Units of each hidden layer, at least 2: the source's formula."""
        return tuple(
            max(2, int(self.first_layer_size * self.scale_factor**index)) for index in range(self.num_layers)
        )


class RegressionOptions(TableOptions):
    """Flags of a regression by a deep network. Its default hidden layers are the source's."""

    # Dropout harms where outputs have a size, not only an order.
    dropout: DropoutRate = 0.0
    hidden_units: Annotated[
        str,
        Field(
            pattern=r"^\s*[1-9][0-9]*(\s+[1-9][0-9]*)*\s*$",
            title="Hidden units",
            description="Units of each hidden layer, separated by spaces",
        ),
        Flag(expected="numbers of 1 or more, separated by spaces"),
    ] = "128 32 4"
    huber_delta: Annotated[
        Positive,
        Field(
            title="Huber delta",
            description="Error, in standard deviations of the label, above which the loss is linear: large "
            "for the mean squared error, small for the mean absolute error",
        ),
    ] = 1.0

    @property
    def layers(self) -> tuple[int, ...]:
        """Units of each hidden layer."""
        return tuple(int(units) for units in self.hidden_units.split())


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for group in name_groups(text) for name in group)
