"""Stands for the program `docker`: writes down how it is called, and runs "images" as processes.

An image `.../perennial-fake/MODULE:TAG` runs images/MODULE.py; others can't be pulled. There are no
namespaces: where a value names a folder inside the container it is replaced by the one outside.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

folder = Path(os.environ["LITTLE_ENGINE_FOLDER"])
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\n")
verb, *rest = sys.argv[1:]
if verb == "info":
    print("1.0 [name=seccomp]")
    sys.exit()
if verb == "rm":
    pid_file = folder / rest[-1]
    if not pid_file.exists():
        sys.exit(f"Error: No such container: {rest[-1]}")
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    pid_file.unlink()
    sys.exit()

environment, folders, options = {"PATH": os.environ["PATH"]}, {}, {}
while rest[0].startswith("--"):
    flag = rest.pop(0)
    if flag in ("--rm", "--init"):
        continue
    value = rest.pop(0)
    if flag == "--env":
        environment.update([value.split("=", 1)])
    elif flag == "--mount":
        fields = dict(field.partition("=")[::2] for field in value.split(","))
        folders[fields["target"]] = fields["source"]
    else:
        options[flag] = value
image, *arguments = rest
name, _, _ = image.rpartition("/")[2].partition(":")
if "/perennial-fake/" not in image:
    print(f"Unable to find image '{image}' locally", file=sys.stderr)
    print("docker: pull access denied", file=sys.stderr)
    sys.exit(125)
for variable, value in environment.items():
    for inside, outside in folders.items():
        if value.startswith(inside):
            environment[variable] = outside + value.removeprefix(inside)
module = Path(__file__).parents[1] / "images" / f"{name}.py"
container = subprocess.Popen(
    [sys.executable, str(module), *arguments], env=environment, start_new_session=True
)
pid_file = folder / options["--name"]
pid_file.write_text(str(container.pid))
signal.signal(signal.SIGTERM, lambda *_: container.terminate())
code = container.wait()
pid_file.unlink(missing_ok=True)
sys.exit(code if code >= 0 else 128 - code)
