"""A trial's container: reports how near its arguments come to `--learning-rate 0.01`, and exits as asked.

It writes what the package `cloudml-hypertune` writes, as that writes it.
"""

import argparse
import json
import math
import os
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--learning_rate", type=float, required=True)
parser.add_argument("--units", type=int, default=8)
parser.add_argument("--optimizer", default="sgd")
parser.add_argument("--metric", default="accuracy")
parser.add_argument("--steps", default="1,2,3")
parser.add_argument("--fail-above", type=float, default=math.inf, help="fail for higher learning rates")
parser.add_argument("--until", type=Path, help="wait for this file")
options = parser.parse_args()

told = {name: value for name, value in os.environ.items() if name.split("_")[0] in ("AIP", "CLOUD", "TF")}
print(json.dumps({**told, "arguments": sys.argv[1:]}), flush=True)
file = Path(os.environ["CLOUD_ML_HP_METRIC_FILE"])
file.parent.mkdir(parents=True, exist_ok=True)
lines = []
for step in options.steps.split(","):
    accuracy = 1 - abs(math.log10(options.learning_rate) + 2) / 4 - 0.1 / int(step)
    for name, value in {"loss": 1 - accuracy, options.metric: accuracy}.items():
        lines.append(
            json.dumps(
                {
                    "timestamp": time.time(),
                    "trial": os.environ["CLOUD_ML_TRIAL_ID"],
                    "global_step": step,
                    "checkpoint_path": "",
                    name: str(value),
                }
            )
        )
        file.write_text("".join(f"{line}\n" for line in lines))
while options.until is not None and not options.until.exists():
    time.sleep(0.05)
if options.learning_rate > options.fail_above:
    sys.exit("the learning rate is too high")
