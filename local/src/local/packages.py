"""The source distributions that Dataflow workers install, built anew when their sources changed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from local.errors import StackError
from local.home import CHECKOUT, Home

_PACKAGES = {"perennial-contract": "contract", "perennial-preprocessing": "preprocessing"}


def build(home: Home) -> list[str]:
    """Build what changed; returns the names of the packages that were built.

    Raises:
        StackError: a build failed; says uv's words.
    """
    built = []
    for name, member in _PACKAGES.items():
        stamp = home.packages / f".{name}.sources"
        digest = _digest(CHECKOUT / member)
        sdist = f"{name.replace('-', '_')}-*.tar.gz"
        if stamp.exists() and stamp.read_text() == digest and list(home.packages.glob(sdist)):
            continue
        for outdated in home.packages.glob(sdist):
            outdated.unlink()
        completed = subprocess.run(
            [_uv(), "build", "--sdist", "--quiet", "--package", name, "--out-dir", str(home.packages)],
            cwd=CHECKOUT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if completed.returncode != 0:
            raise StackError(f"uv could not build {name}:\n{completed.stderr.strip()}")
        stamp.write_text(digest)
        built.append(name)
    return built


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix in {".py", ".toml"}:
            digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _uv() -> str:
    beside_python = Path(sys.executable).parent / "uv"
    found = str(beside_python) if beside_python.exists() else shutil.which("uv")
    if found is None:
        raise StackError("uv: expected beside this Python or on PATH, found in neither; run `make install`")
    return found
