"""The message class of tf.Example, without importing TensorFlow.

Importing TensorFlow costs each worker seconds and hundreds of MB for the sake of three small messages.
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/example/example.proto
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/example/feature.proto
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

_LISTS = {
    "BytesList": FieldDescriptorProto.TYPE_BYTES,
    "FloatList": FieldDescriptorProto.TYPE_FLOAT,
    "Int64List": FieldDescriptorProto.TYPE_INT64,
}


def _add_field(
    message: DescriptorProto,
    name: str,
    number: int,
    type_: Any,
    *,
    type_name: str = "",
    repeated: bool = False,
) -> FieldDescriptorProto:
    label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, type=type_, label=label)
    if type_name:
        field.type_name = f".tensorflow.{type_name}"
    return field


def _example_class() -> Any:
    file = FileDescriptorProto(name="preprocessing/example.proto", package="tensorflow", syntax="proto3")
    for name, type_ in _LISTS.items():
        _add_field(file.message_type.add(name=name), "value", 1, type_, repeated=True)

    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, list_name) in enumerate(
        [("bytes_list", "BytesList"), ("float_list", "FloatList"), ("int64_list", "Int64List")], start=1
    ):
        _add_field(
            feature, name, number, FieldDescriptorProto.TYPE_MESSAGE, type_name=list_name
        ).oneof_index = 0

    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    _add_field(entry, "key", 1, FieldDescriptorProto.TYPE_STRING)
    _add_field(entry, "value", 2, FieldDescriptorProto.TYPE_MESSAGE, type_name="Feature")
    map_field = _add_field(
        features, "feature", 1, FieldDescriptorProto.TYPE_MESSAGE, type_name="Features.FeatureEntry"
    )
    map_field.label = FieldDescriptorProto.LABEL_REPEATED

    example = file.message_type.add(name="Example")
    _add_field(example, "features", 1, FieldDescriptorProto.TYPE_MESSAGE, type_name="Features")

    # A pool of its own: TensorFlow may register the same names in the default one.
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))


Example: Any = _example_class()
"""The tf.Example message; on the wire the same as `tf.train.Example`."""
