"""The secrets of one stack: drawn once, kept in a file that only its owner reads."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What Airflow's services share among themselves.

    Attributes:
        jwt_secret: signs the tokens of tasks and users.
        api_secret_key: signs the API server's sessions.
        fernet_key: encrypts connections and variables in the database.
    """

    jwt_secret: str
    api_secret_key: str
    fernet_key: str

    @classmethod
    def load(cls, file: Path) -> Keys:
        """The keys in the file; drawn anew where there is none."""
        try:
            document = json.loads(file.read_text())
            return cls(**{field.name: document[field.name] for field in fields(cls)})
        except (FileNotFoundError, KeyError, TypeError, ValueError):
            pass
        keys = cls(
            jwt_secret=secrets.token_hex(32),
            api_secret_key=secrets.token_hex(32),
            fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        )
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            json.dump(asdict(keys), stream, indent=2)
        return keys
