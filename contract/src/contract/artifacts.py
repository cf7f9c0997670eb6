"""Files that one room writes and others read: each is defined here, with its name, and nowhere else.

| file | written by | of |
|---|---|---|
| `dataset_info.json` | preprocessing | a conversion; written last, so it is the success marker |
| `rejected/rejected.jsonl` | preprocessing | a conversion |
| `evaluation.json` | trainer | a training job; written last, so it is the success marker |
| `golden.jsonl` | trainer | a training job |
| `gate.json` | the DAG's `validate_export` | a run |

`features.json` is in `data_contract`, `statistics.json` in `statistics`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, PlainSerializer

from contract.data_contract import IMAGE_INPUT
from contract.estimates import Calibration, ClassEvaluation, Estimate, SliceEvaluation
from contract.validation import ContractError, JsonFile, JsonLine

# A text in protobuf's JSON, since JavaScript's numbers have 53 bits.
_Int64 = Annotated[
    int, BeforeValidator(lambda value: int(value) if isinstance(value, str) else value), PlainSerializer(str)
]


@dataclass(frozen=True, kw_only=True)
class SplitInfo:
    """The shards of one split.

    Attributes:
        name: `train`, `validation` or `test`.
        shard_lengths: records in each shard, in order.
        num_bytes: size of all shards.
        filepath_template: pattern of the shards' file names.
    """

    name: str
    shard_lengths: Annotated[tuple[_Int64, ...], Field(alias="shardLengths")]
    num_bytes: Annotated[_Int64, Field(alias="numBytes")]
    filepath_template: Annotated[str, Field(alias="filepathTemplate")] = (
        "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
    )


@dataclass(frozen=True, kw_only=True)
class DatasetInfo(JsonFile):
    """The manifest of TensorFlow Datasets' folder format; 64-bit integers are texts.

    https://github.com/tensorflow/datasets/blob/master/tensorflow_datasets/core/proto/dataset_info.proto

    Attributes:
        name: the dataset's name.
        version: version of the records' format.
        splits: training data first.
        file_format: always `tfrecord`.
    """

    FILENAME: ClassVar[str] = "dataset_info.json"

    name: str
    version: str
    splits: tuple[SplitInfo, ...]
    file_format: Annotated[str, Field(alias="fileFormat")] = "tfrecord"


def shard_filename(dataset: str, split: str, shard: int, num_shards: int) -> str:
    """Return the file name that TensorFlow Datasets gives a shard."""
    return f"{dataset}-{split}.tfrecord-{shard:05d}-of-{num_shards:05d}"


@dataclass(frozen=True, order=True)
class RejectedRecord(JsonLine):
    """Raw data that could not become a record (a dead letter).

    Attributes:
        uri: the raw file, the line where a row begins (`FILE:LINE`), or the image in a file (`FILE:INDEX`).
        reason: one word, for counting.
        detail: one phrase, for people.
    """

    FILENAME: ClassVar[str] = "rejected/rejected.jsonl"

    uri: str
    reason: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A constant prediction, evaluated on the same records.

    Attributes:
        metrics: by name.
        kind: the prediction, `most_frequent_class` for instance.
        difference: the model's metrics minus these, paired: both on the same samples of records.
    """

    metrics: Mapping[str, float]
    kind: str = ""
    difference: Mapping[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ProductionEvaluation:
    """The version in production, evaluated on the same records.

    Attributes:
        version: its id.
        metrics: by name.
        model: the folder of its SavedModel.
        difference: the new model's metrics minus these, paired: both on the same samples of records.
    """

    version: Annotated[str, BeforeValidator(lambda value: str(value) if type(value) is int else value)]
    metrics: Mapping[str, float]
    model: str = ""
    difference: Mapping[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SplitEvaluation:
    """The model, evaluated on the test split: reported on, and no part of any decision.

    Attributes:
        examples: number of records.
        metrics: by name.
        baseline: the constant baseline on these records.
    """

    examples: int
    metrics: Mapping[str, float]
    baseline: Annotated[Baseline | None, Field(alias="trivial_baseline")] = None


@dataclass(frozen=True, kw_only=True)
class Signature:
    """The serving signature of an export.

    Attributes:
        inputs: name -> description of the tensor.
        outputs: name -> description of the tensor.
    """

    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """The export, read back from disk.

    Attributes:
        signature: its inputs and outputs.
        parity_max_abs_difference: largest difference of an output between export and trained model.
        finite: whether every output on the validation records was a finite number.
        bytes: its size.
    """

    signature: Signature
    parity_max_abs_difference: float
    finite: bool
    bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """The training that made the model.

    Attributes:
        steps: optimizer steps of the model.
        resumed_from_step: the step of the checkpoint that this process resumed, 0 for none.
        seconds: wall time of this process's training.
        examples_per_second: in that time.
        precision: Keras dtype policy.
        parameters: all flags of the training job, by name.
    """

    steps: int = 0
    resumed_from_step: int = 0
    seconds: float = 0.0
    examples_per_second: float = 0.0
    precision: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Evaluation(JsonFile):
    """The export, reloaded and evaluated through its own signature on the validation records.

    Attributes:
        examples: number of validation records.
        metrics: by name.
        standard_errors: of the metrics, by name.
        baseline: the constant baseline on the same records.
        production: the version in production on the same records; None if there is none.
        export: the export itself.
        test: the model on the test split; None without one.
        dataset: the dataset's name.
        data_dir: folders of the records, separated by commas.
        labels: names of the classes, in the order of the outputs; empty for a regression.
        training: the training that made the model.
        confusion_matrix: records by true and predicted class; None but for classification.
        residuals: histogram of prediction minus label; None but for regression.
        errors: percentiles of the reconstruction error; None but for autoencoders.
        slices: the model on the records that share a value of a feature.
        classes: the model on each class; empty but for classification.
        calibration: of the probabilities; None but for classification.
    """

    FILENAME: ClassVar[str] = "evaluation.json"

    examples: int
    metrics: Mapping[str, float]
    baseline: Annotated[Baseline, Field(alias="trivial_baseline")]
    production: ProductionEvaluation | None
    export: ExportReport
    test: SplitEvaluation | None = None
    dataset: str = ""
    data_dir: str = ""
    standard_errors: Mapping[str, float] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    training: TrainingReport = field(default_factory=TrainingReport)
    confusion_matrix: tuple[tuple[int, ...], ...] | None = None
    residuals: Mapping[str, Any] | None = None
    errors: Mapping[str, Any] | None = None
    slices: tuple[SliceEvaluation, ...] = ()
    classes: tuple[ClassEvaluation, ...] = ()
    calibration: Calibration | None = None

    def estimate(self, metric: str) -> Estimate | None:
        """Return a metric with its standard error; None where the evaluation has not both."""
        if metric not in self.metrics or metric not in self.standard_errors:
            return None
        return Estimate(value=self.metrics[metric], standard_error=self.standard_errors[metric])


@dataclass(frozen=True, kw_only=True)
class GoldenRequest(JsonLine):
    """A prediction request whose response is known: the export gave it when it was trained.

    A copy of the file is in the folder of the SavedModel, where a server finds it (`EXPORTED`).

    Attributes:
        instance: a JSON object as the model takes it.
        prediction: the response of the export.
        label: the true label: the index of a class, or a quantity; None where it isn't known.
        filename: path of the record in the raw data; empty for a row of a table.
    """

    FILENAME: ClassVar[str] = "golden.jsonl"
    EXPORTED: ClassVar[str] = "assets.extra/golden.jsonl"

    instance: Mapping[str, Any]
    prediction: Any
    label: Any = None
    filename: str = ""

    @property
    def image(self) -> bytes | None:
        """Image file of the request; None if the model takes none."""
        value = self.instance.get(IMAGE_INPUT)
        return base64.b64decode(value["b64"]) if value is not None else None

    @classmethod
    def from_text(cls, text: str) -> list[GoldenRequest]:
        """Return the requests of a file.

        Raises:
            ContractError: there are none, or a field is missing or of the wrong type.
        """
        requests = super().from_text(text)
        if not requests:
            raise ContractError(cls.FILENAME, expected="at least one request", received="none")
        return requests


@dataclass(frozen=True, kw_only=True)
class GateCheck:
    """One condition of the gate and its result.

    Attributes:
        name: the condition.
        passed: whether it holds.
        expected: the values that satisfy it.
        received: the value that was found.
        sentence: the result, for people.
        blocking: whether the export is unusable without it; other conditions only forbid the promotion.
    """

    name: str
    passed: bool
    expected: str
    received: str
    sentence: str = ""
    blocking: bool = False


@dataclass(frozen=True, kw_only=True)
class GateResult(JsonFile):
    """The decision of the gate on one model.

    Attributes:
        promote: whether every check passed.
        reasons: sentences of the checks that failed if any failed, else of those that passed.
        checks: in order.
    """

    FILENAME: ClassVar[str] = "gate.json"

    promote: bool
    reasons: tuple[str, ...]
    checks: tuple[GateCheck, ...]

    @classmethod
    def of(cls, checks: Sequence[GateCheck]) -> GateResult:
        """Return the decision that follows from the checks."""
        promote = all(check.passed for check in checks)
        reasons = tuple(check.sentence for check in checks if check.passed == promote)
        return cls(promote=promote, reasons=reasons, checks=tuple(checks))

    @property
    def blocking(self) -> tuple[str, ...]:
        """Sentences of the failed checks without which the export is unusable; empty if it can be used."""
        return tuple(check.sentence for check in self.checks if check.blocking and not check.passed)
