"""One line of log per event, with its facts as fields, for people and for machines alike."""

from __future__ import annotations

import logging.config
import sys
from typing import Any

import structlog

_SHARED: list[Any] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
# Their chatter says nothing that our own lines do not.
_CHATTY = ("httpx2", "httpcore2", "aiokafka", "faust", "mode", "stamina", "asyncio", "uvicorn")


def logging_config(level: str) -> dict[str, Any]:
    """A configuration for logging.config.dictConfig: everything to stderr, JSON unless a person watches."""
    renderer: Any = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "saldo": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "saldo"}},
        "root": {"level": level.upper(), "handlers": ["stderr"]},
        "loggers": {name: {"level": "WARNING"} for name in _CHATTY},
    }


def configure_logs(level: str) -> None:
    """Set up logging of this process."""
    logging.config.dictConfig(logging_config(level))
