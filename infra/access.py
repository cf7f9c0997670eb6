"""Permissions in JSON, which Terraform reads; HCL can't read TOML.

python infra/access.py            # writes modules/perennial/permissions.json
python infra/access.py --check    # fails if that file isn't what permissions.toml says
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

INFRA = Path(__file__).parent
SOURCE = INFRA / "permissions.toml"
TARGET = INFRA / "modules" / "perennial" / "permissions.json"


def as_json(source: Path = SOURCE) -> str:
    """Return the JSON of the accounts, roles and permissions."""
    document = tomllib.loads(source.read_text(encoding="utf-8"))
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file, or compare it; return the exit status."""
    parser = argparse.ArgumentParser(prog="access.py", description="permissions.toml as JSON, for Terraform")
    parser.add_argument("--check", action="store_true", help="only compare")
    if not parser.parse_args(arguments).check:
        TARGET.write_text(as_json(), encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == as_json():
        return 0
    print("permissions.json is not what permissions.toml says. Run: python infra/access.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
