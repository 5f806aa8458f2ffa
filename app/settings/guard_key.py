"""Where a process has its guard key from: the setting, else a file that the embedded installation makes for itself.

The key gives masked numbers their identity (schemas/checks/sensitive/identity.py). Every process of an installation
must have the same one, so with a broker of one's own it is never made up: only `guard.key` counts there, or a file that
is there.
"""

from __future__ import annotations

import secrets

from app.settings.settings import Settings
from schemas.checks.sensitive import SHORTEST_KEY, install_guard_key
from schemas.failures import ContractBroken
from schemas.files.private_files import make_private

KEY_FILE = "guard.key"
_MADE_BYTES = 32


def guard_key_of(settings: Settings) -> bytes:
    """Return the key of this installation.

    Ensures: without setting and file, an embedded installation makes the file, mode 0600, once.
    Raises:  ContractBroken with the remedy when there is no key and none may be made, or the file holds none.
    """
    given = settings.guard.key.get_secret_value()
    if given:
        return given.encode()
    path = settings.data_dir / KEY_FILE
    if not path.exists():
        if settings.kafka.bootstrap_servers:
            raise ContractBroken(
                "no guard key is set; give every process of this installation the same SALDO_GUARD_KEY, a secret of "
                f"{SHORTEST_KEY} characters or more (docs/security.md says why, and how to change it)"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        make_private(path, secrets.token_urlsafe(_MADE_BYTES) + "\n")
    key = path.read_bytes().strip()
    if len(key) < SHORTEST_KEY:
        raise ContractBroken(f"{path} holds no guard key; put back the file of this installation from its backup")
    return key


def use_guard_key(settings: Settings) -> None:
    """Give this process its key at once: for whatever runs on and on, and must not start without one.

    Raises: ContractBroken as guard_key_of.
    """
    install_guard_key(guard_key_of(settings))


def use_guard_key_or_random(settings: Settings) -> None:
    """Do the same for a command that belongs to no installation: its masks agree with themselves, for one run."""
    if settings.guard.key.get_secret_value() or (settings.data_dir / KEY_FILE).exists():
        use_guard_key(settings)
    else:
        install_guard_key(secrets.token_bytes(_MADE_BYTES))
