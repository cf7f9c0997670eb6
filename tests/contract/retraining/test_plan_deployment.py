"""Plans against the emulator: few requests, however many runs there are."""

from __future__ import annotations

from typing import Any

from contract.artifacts import DatasetInfo
from emulator.iam import audit
from retraining.context import run_context
from retraining.plan.deployment import _converted_keys


def test_converted_keys_are_those_with_committed_records_by_one_listing(chain: Any) -> None:
    folder = f"gs://{chain.bucket}/datasets/flowers/tfrecord/"
    for number in range(50):
        chain.file(f"{folder}key{number}/{DatasetInfo.FILENAME}").parent.mkdir(parents=True)
        chain.write(f"{folder}key{number}/{DatasetInfo.FILENAME}", "{}")
    chain.file(f"{folder}half/x").parent.mkdir(parents=True)
    chain.write(f"{folder}half/flowers-train.tfrecord-00000-of-00001", "x")
    with run_context(chain.context) as context:
        before = len(list(audit.read(chain.emulator.root)))
        found = _converted_keys(context.names("flowers"), context.storage)
        requests = list(audit.read(chain.emulator.root))[before:]
    assert found == {f"key{number}" for number in range(50)}
    methods = [entry["protoPayload"]["methodName"] for entry in requests]
    assert [method for method in methods if ".objects." in method] == ["storage.objects.list"]
