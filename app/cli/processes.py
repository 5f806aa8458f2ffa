"""What every process of the pipeline begins and ends with, whichever command starts it."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from app.settings.settings import Settings


def settings_of(role: str) -> Settings:
    """Return settings of a process of this role: it knows one log-in and one key."""
    from app.output.logs import configure_logs
    from app.settings.guard_key import use_guard_key
    from app.settings.settings import load_settings

    settings = load_settings().as_role(role)
    configure_logs(settings.log_level)
    use_guard_key(settings)
    return settings


async def until_stopped(settings: Settings, work: Callable[[Settings, asyncio.Event], Awaitable[None]]) -> None:
    """Do the work of a process until SIGTERM or Ctrl-C asks it to stop."""
    import asyncio

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await work(settings, stop)
