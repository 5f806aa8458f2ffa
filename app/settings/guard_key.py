"""Where a process has its guard key from, by which masked numbers keep their identity (schemas/checks/sensitive)."""

from __future__ import annotations

from app.settings.installation_secret import InstallationSecret, made
from app.settings.settings import Settings
from schemas.checks.sensitive import install_guard_key

KEY_FILE = "guard.key"
_SECRET = InstallationSecret("guard key", "SALDO_GUARD_KEY", KEY_FILE)


def guard_key_of(settings: Settings) -> bytes:
    """Return the key of this installation; raises ContractBroken with the remedy as InstallationSecret.read."""
    return _SECRET.read(settings, settings.guard.key)


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
        install_guard_key(made().encode())
