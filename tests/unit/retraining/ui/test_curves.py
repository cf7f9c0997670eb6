import io

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.summary.writer.record_writer import RecordWriter

from retraining.ui.curves import curves

FLOAT, STRING = 1, 7


def event_file(*scalars: tuple[str, int, float], picture: bool = False) -> bytes:
    stream = io.BytesIO()
    writer = RecordWriter(stream)
    writer.write(Event(file_version="brain.Event:2").SerializeToString())
    for tag, step, number in scalars:
        tensor = TensorProto(dtype=FLOAT, float_val=[number], tensor_shape=TensorShapeProto())
        value = Summary.Value(tag=tag, tensor=tensor)
        writer.write(Event(step=step, summary=Summary(value=[value])).SerializeToString())
    if picture:
        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=3)])
        tensor = TensorProto(dtype=STRING, string_val=[b"8", b"8", b"png"], tensor_shape=shape)
        value = Summary.Value(tag="validation/picture", tensor=tensor)
        writer.write(Event(step=1, summary=Summary(value=[value])).SerializeToString())
    writer.flush()
    return stream.getvalue()


def test_curves_of_two_sides_are_together_under_their_figure() -> None:
    file = event_file(("train/loss", 10, 2.0), ("train/loss", 20, 1.0), ("validation/loss", 20, 1.5))
    (train, validation) = curves([file])["loss"]
    assert (train.side, train.steps, train.values) == ("train", (10, 20), (2.0, 1.0))
    assert (validation.side, validation.steps, validation.values) == ("validation", (20,), (1.5,))


def test_curves_of_a_resumed_training_take_the_later_value() -> None:
    first, second = event_file(("train/loss", 10, 9.0)), event_file(("train/loss", 10, 8.0))
    assert curves([first, second])["loss"][0].values == (8.0,)


def test_curves_leave_pictures_out() -> None:
    assert set(curves([event_file(("train/loss", 1, 1.0), picture=True)])) == {"loss"}


def test_curves_of_a_file_that_is_being_written_end_with_the_last_whole_record() -> None:
    whole = event_file(("train/loss", 10, 2.0), ("train/loss", 20, 1.0))
    assert curves([whole[:-5]])["loss"][0].steps == (10,)
    assert curves([b"", whole[:3]]) == {}
