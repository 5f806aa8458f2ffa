"""Runs a command of saldo as a process of its own, which ends with this one. Its output goes to a file."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from app.schedules.runner import Ended
from infra.embedded import process
from schemas.checks.sensitive import mask_card_numbers
from schemas.values.clock import monotonic_s

_POLL_S: Final = 0.05
_GRACE_S: Final = 5.0
_LONGEST_DETAIL: Final = 500


class CommandLauncher:
    """Launches `python -m app.cli`; satisfies Launcher."""

    def __init__(self, place: Path, env: Mapping[str, str]) -> None:
        """`place` is where outputs go, one file per schedule; `env` is the environment of the commands."""
        self._place = place
        self._env = dict(env)

    async def __call__(self, schedule: str, words: tuple[str, ...], ends_within_s: float) -> Ended:
        """Run a command to its end, and end it when the time is over or this call is cancelled."""
        self._place.mkdir(parents=True, exist_ok=True)
        path = self._place / f"{schedule}.log"
        until = monotonic_s() + ends_within_s
        with path.open("wb") as output:
            # From the main thread, which lives on: the kernel ends the child when that thread ends.
            argv = (sys.executable, "-m", "app.cli", *words)
            child = process.spawn(argv, output=output, env=self._env, die_with_parent=True)
        birth = process.birth_of(child.pid)
        try:
            while child.poll() is None:
                if monotonic_s() >= until:
                    return Ended(None, f"was ended after {ends_within_s:g} s. {_tail(path)}")
                await asyncio.sleep(_POLL_S)
        finally:
            if child.poll() is None and birth is not None:
                await asyncio.to_thread(process.end, child.pid, birth, grace_s=_GRACE_S)
                child.wait()
        return Ended(child.returncode, _tail(path))


def _tail(path: Path) -> str:
    """Return the last of what was printed, one line."""
    lines = process.tail(path, line_count=_LONGEST_DETAIL).splitlines()
    return mask_card_numbers(" / ".join(filter(None, map(str.strip, lines))))[-_LONGEST_DETAIL:]
