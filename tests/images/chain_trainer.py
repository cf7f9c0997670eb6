"""The trainer's contract without a model: an export for `chain_server`, golden requests, an evaluation.

Its log goes on until `--until` is there; `--fail` makes the job fail. As a trial of a search it reports its
accuracy instead.
"""

import argparse
import base64
import json
import os
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--data_dir", required=True)
parser.add_argument("--model_dir", help="compare this model with production, in place of a training")
parser.add_argument("--job_dir", required=True)
parser.add_argument("--production_model")
parser.add_argument("--production_version")
parser.add_argument("--accuracy", type=float, default=0.9)
parser.add_argument("--production_accuracy", type=float, default=0.85)
parser.add_argument("--slices")
parser.add_argument("--served", default="as trained", help="what the server does with the export")
parser.add_argument("--until", default="", help="wait for this file")
parser.add_argument("--seconds", type=float, default=0.0, help="of work")
parser.add_argument("--fail", default="", help="fail with this message")
options = parser.parse_args()

print(f"training on {options.data_dir}", flush=True)
while options.until and not Path(options.until).exists():
    time.sleep(0.05)
time.sleep(options.seconds)
if options.fail:
    sys.exit(options.fail)

if "CLOUD_ML_TRIAL_ID" in os.environ:
    import hypertune

    hypertune.HyperTune().report_hyperparameter_tuning_metric("accuracy", options.accuracy, global_step=1)
    sys.exit()

job_dir = Path(os.environ["GCS_MOUNT"], options.job_dir.removeprefix("gs://"))
(job_dir / "model").mkdir(parents=True, exist_ok=True)
(job_dir / "model/saved_model.pb").write_text(json.dumps({"class": 1, "served": options.served}))
requests = [
    {
        "instance": {"image_bytes": {"b64": base64.b64encode(bytes([number])).decode()}},
        "prediction": {"classes": 1, "probabilities": [0.25, 0.75]},
        "label": 1,
        "filename": f"{number}.jpg",
    }
    for number in range(3)
]
(job_dir / "golden.jsonl").write_text("".join(json.dumps(request) + "\n" for request in requests))


def compared(other):
    """Another model's accuracy, and the difference from it."""
    difference = {"value": options.accuracy - other, "standard_error": 0.01}
    return {"metrics": {"accuracy": other}, "difference": {"accuracy": difference}}


production = {
    "version": options.production_version,
    "model": options.production_model,
    **compared(options.production_accuracy),
}
evaluation = {
    "examples": 40,
    "metrics": {"accuracy": options.accuracy, "loss": 0.3},
    "standard_errors": {"accuracy": 0.02},
    "trivial_baseline": {"kind": "majority_class", **compared(0.4)},
    "production": production if options.production_model else None,
    "export": {
        "signature": {
            "inputs": {"image_bytes": {"dtype": "string", "shape": [None]}},
            "outputs": {"probabilities": {"dtype": "float32", "shape": [None, 2]}},
        },
        "parity_max_abs_difference": 1e-6,
        "finite": True,
    },
}
(job_dir / "evaluation.json").write_text(json.dumps(evaluation))
print("trained", flush=True)
