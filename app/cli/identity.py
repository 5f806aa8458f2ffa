"""Who uses this command, and whether that person may: asked by every command that needs it, at each use.

What a person may do is decided in app/access; here it is bound to the settings and the clock of this process.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from app.access.access import Access
    from app.access.actor import Actor
    from app.settings.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
# Who asks where a command is run for somebody else than whoever runs this process: through the API or a page.
_ACTING: ContextVar[Actor | None] = ContextVar("acting", default=None)


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Let commands of this context be an actor's, who was authenticated where it came in."""
    before = _ACTING.set(actor)
    try:
        yield
    finally:
        _ACTING.reset(before)


def access(settings: Settings | None = None) -> Access:
    """Return the access of the installation that the settings mean."""
    from app.access.access import Access
    from app.settings.settings import load_settings

    settings = settings or load_settings()
    return Access(settings.access, settings.data_dir)


def actor() -> Actor:
    """Return who uses this command.

    Raises: LoginNeeded when there are users and nobody has logged in.
    """
    return _ACTING.get() or access().actor(now=datetime.now(UTC))


def permit(*names: str) -> Actor:
    """Return who uses this command, if that person may do each of these commands and actions.

    Raises: LoginNeeded; AccessDenied naming who may.
    """
    asked, now = access(), datetime.now(UTC)
    found = _ACTING.get() or asked.actor(now=now)
    for name in names:
        asked.check(found, name)
    if set(names) != {"read"}:
        asked.note_policy(found, now=now)
    return found


def needs(*names: str) -> Callable[[F], F]:
    """Let a command run only for who may do these; asked before anything else is read or written."""

    def guarded(command: F) -> F:
        @functools.wraps(command)
        def run(*args: Any, **options: Any) -> Any:
            permit(*names)
            return command(*args, **options)

        run.needs = names  # type: ignore[attr-defined]  # read by the test that no command goes without
        return run  # type: ignore[return-value]

    return guarded
