"""A training container: says what it was told, waits if asked to, writes a file, exits as asked."""

import argparse
import json
import os
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--seconds", type=float, default=0)
parser.add_argument("--exit-code", type=int, default=0)
parser.add_argument("--until", type=Path, help="wait for this file")
options = parser.parse_args()

told = {
    name: value
    for name, value in os.environ.items()
    if name.split("_")[0] in ("AIP", "CLOUD", "CLUSTER", "TF")
}
print(json.dumps({**told, "COLOUR": os.environ.get("COLOUR")}), flush=True)
time.sleep(options.seconds)
while options.until is not None and not options.until.exists():
    time.sleep(0.05)
if "AIP_MODEL_DIR" in os.environ:
    folder = Path(os.environ["GCS_MOUNT"], os.environ["AIP_MODEL_DIR"].removeprefix("gs://"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights").write_text("trained")
print("done", file=sys.stderr)
sys.exit(options.exit_code)
