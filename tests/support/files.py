"""Files as people hand them in."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from reconcile.files.received import Accounts, GivenFile

MAIN = Accounts({"main": "USD"})
SEVERAL = Accounts({"main": "USD", "store": "EUR"})


def handed_in(path: Path, seen: datetime, accounts: Accounts = MAIN) -> GivenFile:
    """Return a file that somebody gave by a command, first read at `seen`."""
    return GivenFile.of(path, accounts, seen, origin="command")
