"""Beam's FileSystems, in a process of its own as jobs use it, against the emulator."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
from apache_beam.io.filesystems import FileSystems
from apache_beam.io.filesystem import BeamIOError

def match(pattern):
    return sorted(found.path for found in FileSystems.match([pattern])[0].metadata_list)

with FileSystems.create("gs://beam/in/x.txt") as file:
    file.write(b"hello " * 10)
with FileSystems.create("gs://beam/in/large", "application/octet-stream") as file:
    for _ in range(20):
        file.write(bytes(1_000_000))
with FileSystems.open("gs://beam/in/x.txt") as file:
    file.seek(6)
    assert file.read(5) == b"hello"
assert match("gs://beam/in/*") == ["gs://beam/in/large", "gs://beam/in/x.txt"]
assert FileSystems.match(["gs://beam/in/large"])[0].metadata_list[0].size_in_bytes == 20_000_000
FileSystems.rename(["gs://beam/in/x.txt", "gs://beam/in/large"], ["gs://beam/out/y.txt", "gs://beam/out/l"])
assert match("gs://beam/in/*") == []
FileSystems.copy(["gs://beam/out/y.txt"], ["gs://beam/out/z.txt"])
assert FileSystems.checksum("gs://beam/out/y.txt") == FileSystems.checksum("gs://beam/out/z.txt")
FileSystems.delete(["gs://beam/out/y.txt", "gs://beam/out/l"])
assert match("gs://beam/**") == ["gs://beam/out/z.txt"]
assert FileSystems.exists("gs://beam/out/z.txt") and not FileSystems.exists("gs://beam/out/y.txt")
try:
    FileSystems.delete(["gs://beam/missing"])
except BeamIOError:
    pass
print("done")
"""


def test_filesystems_write_read_rename_copy_match_and_delete(emulator):
    (emulator.root / "buckets" / "beam").mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=emulator.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.stdout.strip() == "done", ended.stderr
    assert (emulator.root / "buckets" / "beam" / "out" / "z.txt").read_bytes() == b"hello " * 10
