"""Taxifare: regression of a taxi fare on pickup and dropoff coordinates."""

import contract as dc
from retraining.dag import build_training_dag

FEATURES = (
    dc.target("fare_amount", minimum=0),
    dc.number("pickuplon", default=-74.0),
    dc.number("pickuplat", default=40.0),
    dc.number("dropofflon", default=-74.0),
    dc.number("dropofflat", default=40.7),
    dc.number("passengers", default=1.0),
    dc.key("key", default="nokey"),
)
ARGUMENTS = {
    "hidden_units": "128 64 32",
    "geo_pairs": "pickuplon,pickuplat,dropofflon,dropofflat",
    "huber_delta": 3.0,
    "train_batch_size": 128,
    "train_epochs": 20,
    "base_learning_rate": 0.001,
}

SPEC = dc.DatasetSpec(
    contract=dc.DataContract(
        name="taxifare",
        record_format="csv",
        csv=dc.CsvFormat(columns=tuple(feature.name for feature in FEATURES)),
        features=FEATURES,
        split=dc.SplitSpec(test_files=("taxi-valid.csv",)),
    ),
    source="taxifare",
    approval=False,
    training=dc.TrainingSpec(arguments={"model": "regression", **ARGUMENTS}),
    gate=dc.GateSpec(metric="rmse", direction="lower", threshold=7.0, baseline_margin=2.0),
    description="The exported model computes distance and direction from the coordinates.",
)

dag = build_training_dag(SPEC)
