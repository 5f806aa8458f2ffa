"""The app for the `faust` command: `faust -A streams.worker worker`. Importing reads the settings, as Faust expects."""

from __future__ import annotations

from streams.bootstrap import worker_app
from streams.settings import load_settings

app = worker_app(load_settings())
