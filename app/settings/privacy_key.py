"""Where a process has its privacy key from: what wraps the keys of data subjects (schemas/checks/sealing.py)."""

from __future__ import annotations

from app.settings.installation_secret import InstallationSecret
from app.settings.settings import Settings

KEY_FILE = "privacy.key"
_SECRET = InstallationSecret("privacy key", "SALDO_PRIVACY_KEY", KEY_FILE)


def privacy_key_of(settings: Settings) -> bytes:
    """Return the key of this installation; raises ContractBroken with the remedy as InstallationSecret.read."""
    return _SECRET.read(settings, settings.privacy.key)
