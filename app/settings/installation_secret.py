"""A secret that every process of an installation has alike: the setting, else a file of the embedded installation.

With a broker of one's own it is never made up, since each machine would have another: only the setting counts there, or
a file that is there.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from pydantic import SecretStr

from app.settings.settings import Settings
from schemas.checks.sensitive import SHORTEST_KEY
from schemas.failures import ContractBroken
from schemas.files.private_files import make_private

_MADE_BYTES = 32


@dataclass(frozen=True, slots=True)
class InstallationSecret:
    """Which secret it is: what people call it, its variable, and its file below the data directory."""

    called: str
    variable: str
    file: str

    def read(self, settings: Settings, given: SecretStr) -> bytes:
        """Return the secret of this installation.

        Ensures: without setting and file, an embedded installation makes the file, mode 0600, once.
        Raises:  ContractBroken with the remedy when there is no secret and none may be made, or the file holds none.
        """
        if value := given.get_secret_value():
            return value.encode()
        path = settings.data_dir / self.file
        if not path.exists():
            if settings.kafka.bootstrap_servers:
                raise ContractBroken(
                    f"no {self.called} is set; give every process of this installation the same {self.variable}, a "
                    f"secret of {SHORTEST_KEY} characters or more (docs/security.md says why, and how to change it)"
                )
            path.parent.mkdir(parents=True, exist_ok=True)
            make_private(path, made() + "\n")
        key = path.read_bytes().strip()
        if len(key) < SHORTEST_KEY:
            raise ContractBroken(
                f"{path} holds no {self.called}; put back the file of this installation from its backup"
            )
        return key


def made() -> str:
    """Return a new secret of 256 random bits."""
    return secrets.token_urlsafe(_MADE_BYTES)
