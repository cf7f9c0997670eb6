"""Autoencoder: dimensionality reduction of MNIST digits, trained in a custom container."""

import contract as dc
from retraining.dag import build_training_dag

SPEC = dc.DatasetSpec(
    contract=dc.DataContract(
        name="autoencoder",
        record_format="idx",
        features=dc.idx_features(),
        split=dc.SplitSpec(test_files=("t10k-*",)),
    ),
    source="autoencoder",
    training=dc.TrainingSpec(
        image="autoencoder",
        arguments={
            "model": "autoencoder",
            "train_epochs": 2,
            "train_batch_size": 128,
            "base_learning_rate": 0.002,
        },
    ),
    gate=dc.GateSpec(metric="mse", direction="lower", threshold=0.02, baseline_margin=0.03),
    description="Unsupervised: reconstructs handwritten digits from a low-dimensional encoding.",
)

dag = build_training_dag(SPEC)
