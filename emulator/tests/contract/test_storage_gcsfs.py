"""gcsfs, in a process of its own since it reads its settings when imported, against the emulator."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import gcsfs

files = gcsfs.GCSFileSystem(project="perennial-local", token="google_default")
files.mkdir("fsspec")
files.pipe("fsspec/g/a/one.txt", b"0123456789")
files.pipe("fsspec/g/two.txt", b"2")
assert sorted(files.ls("fsspec/g")) == ["fsspec/g/a", "fsspec/g/two.txt"]
assert files.find("fsspec") == ["fsspec/g/a/one.txt", "fsspec/g/two.txt"]
assert files.glob("fsspec/**/*.txt") == ["fsspec/g/a/one.txt", "fsspec/g/two.txt"]
assert files.cat("fsspec/g/a/one.txt", start=2, end=5) == b"234"
with files.open("fsspec/g/large", "wb", block_size=5 << 20) as file:
    for _ in range(12):
        file.write(bytes(1 << 20))
assert files.info("fsspec/g/large")["size"] == 12 << 20
files.mv("fsspec/g/two.txt", "fsspec/g/three.txt")
files.cp_file("fsspec/g/three.txt", "fsspec/g/four.txt")
assert files.cat("fsspec/g/four.txt") == b"2" and not files.exists("fsspec/g/two.txt")
files.rm("fsspec/g", recursive=True)
assert files.find("fsspec") == []
files.rmdir("fsspec")
print("done")
"""


def test_filesystem_writes_reads_moves_and_removes(emulator):
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=emulator.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.stdout.strip() == "done", ended.stderr
