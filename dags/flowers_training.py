"""Flowers: image classification of five kinds with a ResNet."""

from contract import DataContract, DatasetSpec, GateSpec, NewData, TrainingSpec, image_features
from retraining.dag import build_training_dag

SPEC = DatasetSpec(
    contract=DataContract(
        name="flowers",
        record_format="image",
        features=image_features(("daisy", "dandelion", "roses", "sunflowers", "tulips")),
    ),
    source="flowers",
    schedule=NewData("flowers"),
    training=TrainingSpec(
        arguments={
            "model": "resnet",
            "resnet_depth": 18,
            "image_size": 48,
            "train_batch_size": 32,
            "train_steps": 220,
            "steps_per_eval": 110,
            "base_learning_rate": 0.2,
            "learning_rate_schedule": "cosine",
            "crop_area_min": 0.8,
        },
        tier="BASIC",
    ),
    gate=GateSpec(metric="accuracy", direction="higher", threshold=0.65, baseline_margin=0.2),
    description="ResNet on labeled JPEGs, one folder per label; classes are in the order of the labels.",
)

dag = build_training_dag(SPEC)
