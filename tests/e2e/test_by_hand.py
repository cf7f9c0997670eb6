"""Every gcloud command of docs/by-hand.md, with the login of the stack's `.local/env`."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from local.environment import BUCKET
from local.report import Report
from local.stack import Stack

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed"),
]

DOCUMENT = (Path(__file__).parents[2] / "docs" / "by-hand.md").read_text()
COMMANDS = re.findall(r"^(?:env -u CLOUDSDK_PYTHON )?gcloud [^\n#]*", DOCUMENT, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_command_of_the_document_works(stack: Stack, first_run: Report, tmp_path: Path, command: str) -> None:
    if " endpoints predict " in command and not first_run.promoted:
        pytest.skip("the first run's model was declined: nothing is deployed")
    (model,) = sorted((stack.paths.buckets / BUCKET / "runs").rglob("saved_model.pb"))[:1]
    golden = [json.loads(line) for line in (model.parent.parent / "golden.jsonl").read_text().splitlines()]
    (tmp_path / "request.json").write_text(json.dumps({"instances": [golden[0]["instance"]]}))
    (tmp_path / "instances.jsonl").write_text(json.dumps(golden[0]["instance"]) + "\n")
    given = command.replace("MODEL_FOLDER", shlex.quote(str(model.parent)))
    script = f"set -a; . {shlex.quote(str(stack.paths.environment_file))}; {given}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, f"{given}\n{done.stdout}{done.stderr}"
    answer = done.stdout + done.stderr
    assert done.stdout.strip() or "Listed 0 items." in answer, (
        f"{given}: expected an answer, received {answer}"
    )


def test_document_has_the_commands() -> None:
    assert len(COMMANDS) >= 8
