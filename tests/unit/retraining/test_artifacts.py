import io
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.summary.writer.record_writer import RecordWriter

from contract import DatasetStatistics
from contract.artifacts import (
    Baseline,
    Evaluation,
    ExportReport,
    GateCheck,
    GateResult,
    GoldenRequest,
    RejectedRecord,
    Signature,
)
from retraining.artifacts import (
    EXAMPLES_PER_REASON,
    learning_curves,
    read_conversion,
    read_first_golden,
    read_labels,
    read_rejected,
    read_training,
)

DATA, JOB = "gs://b/datasets/d/tfrecord/k/", "gs://b/runs/d/r/"
FLOAT, STRING = 1, 7


def rejected(reason: str, name: str) -> RejectedRecord:
    return RejectedRecord(uri=f"gs://b/raw/{name}", reason=reason, detail="a detail")


def summary(tag: str, tensor: TensorProto, plugin: str) -> Summary:
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin))
    return Summary(value=[Summary.Value(tag=tag, tensor=tensor, metadata=metadata)])


def event_file(*scalars: tuple[str, int, float], image: bool = False) -> bytes:
    stream = io.BytesIO()
    writer = RecordWriter(stream)
    writer.write(Event(file_version="brain.Event:2").SerializeToString())
    for tag, step, number in scalars:
        tensor = TensorProto(dtype=FLOAT, float_val=[number], tensor_shape=TensorShapeProto())
        writer.write(Event(step=step, summary=summary(tag, tensor, "scalars")).SerializeToString())
    if image:
        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=3)])
        tensor = TensorProto(dtype=STRING, string_val=[b"8", b"8", b"png"], tensor_shape=shape)
        writer.write(Event(step=1, summary=summary("validation/image", tensor, "images")).SerializeToString())
    writer.flush()
    return stream.getvalue()


def test_read_conversion_gives_a_few_examples_of_each_reason(bucket: Any) -> None:
    counts = {"empty": 9, "truncated": 1}
    statistics = DatasetStatistics(records={}, labels={}, numbers={}, categories={}, read=12, rejected=counts)
    bucket.put(DATA, statistics)
    bucket.put(DATA, [rejected("empty", f"{i}.jpg") for i in range(9)] + [rejected("truncated", "x.jpg")])
    found = read_conversion(bucket, DATA)
    assert found is not None
    assert found.statistics == statistics
    listed = Counter(item.record.reason for item in found.rejected)
    assert listed == {"empty": EXAMPLES_PER_REASON, "truncated": 1}
    assert (found.rejected[-1].index, found.rejected[-1].filename) == (9, "x.jpg")


def test_read_conversion_that_is_not_there_is_none(bucket: Any) -> None:
    assert read_conversion(bucket, DATA) is None


def test_read_rejected_of_no_such_index_says_how_many_there_are(bucket: Any) -> None:
    bucket.put(DATA, [rejected("empty", "a.jpg")])
    assert read_rejected(bucket, DATA, 0).uri == "gs://b/raw/a.jpg"
    for index in (-1, 1):
        with pytest.raises(FileNotFoundError, match="one of 1 rejected records"):
            read_rejected(bucket, DATA, index)


def test_read_training_before_its_end_gives_what_there_is(bucket: Any) -> None:
    found = read_training(bucket, JOB)
    assert (found.evaluation, found.gate, found.golden, found.curves) == (None, None, (), {})
    assert read_first_golden(bucket, JOB) is None
    assert read_labels(bucket, JOB) == ()


def test_read_training_reads_what_it_left(bucket: Any) -> None:
    export = ExportReport(
        signature=Signature(inputs={}, outputs={}), parity_max_abs_difference=0.0, finite=True
    )
    evaluation = Evaluation(
        examples=1, metrics={}, baseline=Baseline(metrics={}), production=None, export=export, labels=("a",)
    )
    gate = GateResult.of([GateCheck(name="finite", passed=True, expected="numbers", received="numbers")])
    golden = [GoldenRequest(instance={"x": number}, prediction=1.0, label=number) for number in (1, 2)]
    bucket.put(JOB, evaluation)
    bucket.put(JOB, gate)
    bucket.put(JOB, golden)
    bucket.objects[JOB + "logs/events.out.tfevents.1"] = event_file(("train/loss", 10, 2.0))
    found = read_training(bucket, JOB)
    assert (found.evaluation, found.gate, found.golden) == (evaluation, gate, golden)
    assert found.curves["loss"][0].steps == (10,)
    assert read_first_golden(bucket, JOB) == golden[0]
    assert read_labels(bucket, JOB) == ("a",)


def test_learning_curves_of_two_splits_are_together_under_their_metric() -> None:
    file = event_file(("train/loss", 10, 2.0), ("train/loss", 20, 1.0), ("validation/loss", 20, 1.5))
    (train, validation) = learning_curves([file])["loss"]
    assert (train.split, train.steps, train.values) == ("train", (10, 20), (2.0, 1.0))
    assert (validation.split, validation.steps, validation.values) == ("validation", (20,), (1.5,))


def test_learning_curves_of_a_resumed_training_take_the_later_value() -> None:
    first = event_file(("train/loss", 10, 9.0), ("train/loss", 20, 7.0))
    second = event_file(("train/loss", 10, 8.0))
    (curve,) = learning_curves([first, second])["loss"]
    assert (curve.steps, curve.values) == ((10, 20), (8.0, 7.0))


def test_learning_curves_leave_images_out() -> None:
    assert set(learning_curves([event_file(("train/loss", 1, 1.0), image=True)])) == {"loss"}


def test_learning_curves_keep_every_step() -> None:
    points = [("train/loss", step, float(step)) for step in range(300)]
    assert len(learning_curves([event_file(*points)])["loss"][0].steps) == 300


def test_learning_curves_of_an_incomplete_file_end_with_the_last_complete_record() -> None:
    whole = event_file(("train/loss", 10, 2.0), ("train/loss", 20, 1.0))
    assert learning_curves([whole[:-5]])["loss"][0].steps == (10,)
    assert learning_curves([b"", whole[:3]]) == {}


def test_learning_curves_are_read_without_tensorflow() -> None:
    code = (
        "import sys; from retraining.artifacts import learning_curves; "
        "assert learning_curves([b'']) == {}; sys.exit('tensorflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
