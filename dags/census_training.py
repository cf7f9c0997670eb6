"""Census: binary classification of income above 50,000 dollars, with a wide and deep network on UCI Adult."""

import contract as dc
from retraining.dag import build_training_dag

COLUMNS = (
    "age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation",
    "relationship", "race", "gender", "capital_gain", "capital_loss", "hours_per_week", "native_country",
    "income_bracket",
)  # fmt: skip
NUMERICAL = ("age", "education_num", "capital_gain", "capital_loss", "hours_per_week")
CATEGORICAL = [name for name in COLUMNS if name not in (*NUMERICAL, "fnlwgt", "income_bracket")]
FEATURES = (*map(dc.number, NUMERICAL), *(dc.category(name, default="?") for name in CATEGORICAL))
SEARCHES = {
    "base_learning_rate": dc.Search(minimum=1e-4, maximum=1e-2, scale="log"),
    "first_layer_size": dc.Search(minimum=50, maximum=500),
}
LAYERS = {"embedding_size": 8, "first_layer_size": 100, "num_layers": 4, "scale_factor": 0.7}
# Capital gains and losses have few distinct values: the exact amount matters, not its magnitude.
TRAINING = {
    "categorical_numbers": "capital_gain,capital_loss",
    "train_epochs": 8,
    "base_learning_rate": 0.003,
}

SPEC = dc.DatasetSpec(
    contract=dc.DataContract(
        name="census",
        record_format="csv",
        csv=dc.CsvFormat(columns=COLUMNS),
        features=(*FEATURES, dc.class_label("income_bracket", ("<=50K", ">50K"))),
        split=dc.SplitSpec(test_files=("adult.test.csv",)),
    ),
    source="census",
    training=dc.TrainingSpec(
        arguments={"model": "wide_deep", **LAYERS, **TRAINING},
        tuning=dc.TuningSpec(parameters=SEARCHES, max_trials=4, parallel_trials=2),
    ),
    gate=dc.GateSpec(metric="auc", direction="higher", threshold=0.9),
    description="Wide and deep network on the US census of 1994; `?` is a missing category.",
)

dag = build_training_dag(SPEC)
