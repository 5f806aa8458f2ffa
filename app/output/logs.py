"""One line of log per event, with its facts as fields, for people and for machines alike."""

from __future__ import annotations

import json
import logging
import logging.config
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import structlog

from schemas.checks.sensitive import mask_sensitive
from schemas.values.foreign_text import for_terminal

# Libraries print a float to its last digit, and a fraction of fifteen digits looks like a card number now and then.
_LONG_FRACTION = re.compile(r"(?<![\d.])(\d+\.\d{3})\d{4,}(?![\d.])", re.ASCII)

_LEAST_CARD_NUMBER = 10**11


def shorten_fractions(_logger: Any, _method: str, line: dict[str, Any]) -> dict[str, Any]:
    """Milliseconds are enough for a log: every decimal fraction of a line, in its texts too, has three digits."""
    return {name: _shortened(value) for name, value in line.items()}


def _shortened(value: Any) -> Any:
    match value:
        case str():
            return _LONG_FRACTION.sub(r"\1", value)
        case float():
            return round(value, 3)
        case _:
            return value


def mask_line(_logger: Any, _method: str, line: dict[str, Any]) -> dict[str, Any]:
    """Return what a line quotes may be anybody's text: it holds no card or bank number, whoever wrote the line."""
    return {name: _masked(value) for name, value in line.items()}


def _masked(value: Any) -> Any:
    match value:
        case str():
            return mask_sensitive(value)
        case bytes() | bytearray():
            return mask_sensitive(bytes(value).decode("utf-8", "replace"))
        case bool() | None | float():
            return value
        case int() if abs(value) < _LEAST_CARD_NUMBER:
            return value
        case dict():
            return {_masked(name): _masked(item) for name, item in value.items()}
        case list() | tuple():
            return [_masked(item) for item in value]
    text = str(value)
    kept = mask_sensitive(text)
    return value if kept == text else kept


def visible_line(_logger: Any, _method: str, line: dict[str, Any]) -> dict[str, Any]:
    """Make a line safe for a person's terminal: what a line quotes moves no cursor and writes no line of its own."""
    return {name: _visible(value, is_page=name in _PAGES) for name, value in line.items()}


# What a traceback's line breaks are for.
_PAGES = frozenset({"exception", "stack"})


def _visible(value: Any, *, is_page: bool = False) -> Any:
    match value:
        case str() if is_page:
            return "\n".join(map(for_terminal, value.split("\n")))
        case bool() | None | int() | float():
            return value
    return for_terminal(value if isinstance(value, str) else str(value))


_SHARED: list[Any] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.format_exc_info,
    shorten_fractions,
    mask_line,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# Their chatter says nothing that our own lines do not.
_CHATTY = ("httpx2", "httpcore2", "aiokafka", "faust", "mode", "asyncio", "uvicorn")

# While a broker is away, its client says so many times a second; one line of each kind in this time is enough.
_QUIET_S = 10.0


class OncePerKind(logging.Filter):
    """Lets one line of each wording through, per logger and ten seconds; `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said_at: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Hold back lines of the broker client alone; ours each say something."""
        if not record.name.startswith("aiokafka"):
            return True
        kind, now = (record.name, str(record.msg)), self._clock()
        if now - self._said_at.get(kind, -_QUIET_S) < _QUIET_S:
            return False
        self._said_at[kind] = now
        return True


def as_sentence(line: str) -> str:
    """Return a line of log for a person: what a machine-readable one says, in words; any other line as it is."""
    try:
        fields = json.loads(line)
    except ValueError:
        return line
    if not isinstance(fields, dict) or not isinstance(fields.get("event"), str):
        return line
    event, level = fields.pop("event"), str(fields.pop("level", ""))
    trace = fields.pop("exception", None)
    fields.pop("timestamp", None)
    known = {name.replace("_", " "): value for name, value in fields.items() if value is not None}
    facts = ", ".join(f"{name} {_in_words(value)}" for name, value in known.items())
    loud = f"{level.upper()}: " if level in ("warning", "error", "critical") else ""
    return f"{loud}{event}{f': {facts}' if facts else ''}{f'; {trace}' if trace else ''}"


def _in_words(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case str() | int() | float():
            return str(value)
        case dict():
            return ", ".join(f"{name} {_in_words(item)}" for name, item in value.items())
        case list():
            return ", ".join(map(_in_words, value))
    return json.dumps(value)


def logging_config(level: str) -> dict[str, Any]:
    """Return a configuration for logging.config.dictConfig: everything to stderr, JSON unless a person watches."""
    renderers: list[Any] = [structlog.processors.JSONRenderer()]
    if sys.stderr.isatty():
        renderers = [visible_line, structlog.dev.ConsoleRenderer()]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "saldo": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
            }
        },
        "filters": {"once": {"()": OncePerKind}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "saldo", "filters": ["once"]}},
        "root": {"level": level.upper(), "handlers": ["stderr"]},
        "loggers": {name: {"level": "WARNING"} for name in _CHATTY},
    }


def configure_logs(level: str) -> None:
    """Set up logging of this process.

    Ensures: nothing of it goes to stdout, which may be a file that a person asked for (`saldo abas probe > abas.yaml`).
    """
    logging.config.dictConfig(logging_config(level))
