"""One line of log per event, with its facts as fields, for people and for machines alike."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

_SHARED: list[Any] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def configure_logs(level: str, *, as_json: bool | None = None) -> None:
    """Send every logger of this process to stderr; JSON unless a person watches."""
    machine = not sys.stderr.isatty() if as_json is None else as_json
    renderer: Any = structlog.processors.JSONRenderer() if machine else structlog.dev.ConsoleRenderer()
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Requests of the HTTP client and the broker clients' own chatter say nothing that our lines do not.
    for chatty in ("httpx2", "httpcore2", "aiokafka", "faust", "mode", "kafka"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
