"""Yellow taxi: regression of the fare in New York, retrained monthly on the previous twelve months."""

import contract as dc
from retraining.dag import build_training_dag

CATEGORICAL = ("vendor_id", "rate_code_id", "store_and_fwd_flag", "pickup_location_id", "dropoff_location_id")
FEATURES = (
    # At least the initial charge; one fare in the data is 429,490 dollars.
    dc.target("fare_amount", minimum=2.5, maximum=500),
    dc.timestamp("pickup_datetime", timezone="America/New_York"),
    dc.number("passenger_count", default=1.0, minimum=0),
    dc.number("trip_distance", minimum=0, maximum=500),
    *(dc.category(name, default="?") for name in CATEGORICAL),
)
ARGUMENTS = {
    "hidden_units": "128 64 32",
    "crosses": "pickup_location_id+dropoff_location_id",
    "huber_delta": 0.2,
    "train_epochs": 6,
    "base_learning_rate": 0.003,
}

SPEC = dc.DatasetSpec(
    contract=dc.DataContract(name="yellow_taxi", record_format="csv", csv=dc.CsvFormat(), features=FEATURES),
    source="yellow_taxi",
    schedule="0 0 1 * *",
    partition="yellow_tripdata_sample_%Y-%m.csv",
    window="P12M",
    max_data_delay="P75D",  # the city publishes a month about two months later
    training=dc.TrainingSpec(arguments={"model": "regression", **ARGUMENTS}),
    gate=dc.GateSpec(metric="mae", direction="lower", threshold=2.5, baseline_margin=1.5),
    description="Fare without extras, from the features that a taximeter has: zones, distance and time.",
)

dag = build_training_dag(SPEC)
