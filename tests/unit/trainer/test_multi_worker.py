"""Two processes train one model, as a Vertex job with a chief and a worker does."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_chief_and_worker_train_one_model_and_the_chief_reports(dataset, tmp_path):
    addresses = [f"localhost:{_free_port()}" for _ in range(2)]
    cluster = {"chief": addresses[:1], "worker": addresses[1:]}
    command = [
        *(
            sys.executable,
            "-m",
            "trainer.task",
            "--data-dir",
            str(dataset),
            "--job-dir",
            str(tmp_path / "job"),
        ),
        *("--image-size", "32", "--train-batch-size", "8", "--eval-batch-size", "8"),
        *("--train-steps", "2", "--steps-per-eval", "1", "--log-every", "1"),
    ]
    processes = []
    for role in cluster:
        tf_config = json.dumps({"cluster": cluster, "task": {"type": role, "index": 0}})
        with (tmp_path / f"{role}.log").open("wb") as log:
            environment = {**os.environ, "TF_CONFIG": tf_config}
            processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT))
    try:
        statuses = [process.wait(timeout=280) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    logs = {role: (tmp_path / f"{role}.log").read_text() for role in cluster}

    assert statuses == [0, 0], logs
    assert "replicas: 2" in logs["chief"]
    # Both reduce over all replicas, so both tell the same figures of every step; only their speed differs.
    figures = {role: re.findall(r"step \d+/\d+  loss \S+  accuracy \S+", text) for role, text in logs.items()}
    assert figures["chief"] == figures["worker"]
    assert len(figures["chief"]) == 2
    report = json.loads((tmp_path / "job" / "evaluation.json").read_text())
    assert report["training"]["steps"] == 2


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return int(listener.getsockname()[1])
