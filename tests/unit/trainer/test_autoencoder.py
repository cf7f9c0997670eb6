"""A whole job of the autoencoder on a few drawn digits."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from contract import FEATURES_FILENAME, DataContract, image_features
from trainer.config import TrainConfig
from trainer.score import main as score
from trainer.train import run

CONTRACT = DataContract(name="bars", record_format="image", features=image_features(("across", "down")))


def _bar(index: int) -> bytes:
    pixels = np.zeros((28, 28), np.uint8)
    place = index % 24
    if index % 2:
        pixels[place : place + 4] = 255
    else:
        pixels[:, place : place + 4] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def bars(tmp_path_factory, describe) -> Path:
    """Pictures with one bar each."""
    folder = tmp_path_factory.mktemp("bars")
    sides = {"train": range(96), "validation": range(96, 128)}
    for side, indices in sides.items():
        with tf.io.TFRecordWriter(str(folder / f"bars-{side}.tfrecord-00000-of-00001")) as writer:
            for index in indices:
                features = {
                    "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[_bar(index)])),
                    "image/class/label": tf.train.Feature(
                        int64_list=tf.train.Int64List(value=[1 + index % 2])
                    ),
                    "image/filename": tf.train.Feature(
                        bytes_list=tf.train.BytesList(value=[f"{index}.png".encode()])
                    ),
                }
                writer.write(
                    tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
                )
    (folder / FEATURES_FILENAME).write_text(CONTRACT.to_features_json())
    lengths = {side: [len(indices)] for side, indices in sides.items()}
    labels = {side: {"across": len(i) // 2, "down": len(i) // 2} for side, i in sides.items()}
    describe(folder, lengths, labels)
    return folder


@pytest.fixture(scope="module")
def job(bars, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("job")
    config = TrainConfig.of(
        data_dir=str(bars),
        job_dir=str(folder),
        model="autoencoder",
        code_size=16,
        filters=4,
        train_steps=150,
        train_batch_size=32,
        base_learning_rate=0.01,
    )
    run(config, environment={})
    return folder


def test_run_reconstructs_images_better_than_the_mean_image(job):
    report = json.loads((job / "evaluation.json").read_text())

    assert report["metrics"]["mse"] < report["trivial_baseline"]["metrics"]["mse"]
    assert report["trivial_baseline"]["kind"] == "mean_image"
    assert set(report["export"]["signature"]["outputs"]) == {"error", "reconstruction"}
    assert len(report["errors"]["values"]) == len(report["errors"]["percentiles"])


def test_run_shows_reconstructions_in_tensorboard(job):
    events = EventAccumulator(str(job / "logs"), size_guidance={"tensors": 0}).Reload()

    assert "validation/reconstructions" in events.Tags()["tensors"]


def test_score_of_the_validation_side_gives_the_report_s_error(job, bars, capsys):
    report = json.loads((job / "evaluation.json").read_text())

    assert score(["--model-dir", str(job / "model"), "--data-dir", str(bars)]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["mse"] == pytest.approx(report["metrics"]["mse"])
