"""The app for the `faust` command: `faust -A streams.worker worker`. Importing reads the settings, as Faust expects."""

from __future__ import annotations

import os

from app.composition.bootstrap import worker_app
from app.settings.guard_key import use_guard_key
from app.settings.settings import load_settings

# State and tables of the worker are for nobody else; the commands of `saldo` do the same.
os.umask(0o077)
_settings = load_settings()
use_guard_key(_settings)
app = worker_app(_settings)
