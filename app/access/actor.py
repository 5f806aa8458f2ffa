"""Who acts: the one place from which decided_by and authenticated_by of an operator command come."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.access.roles import Role
from schemas.operator_commands import person_field


class How(StrEnum):
    """How an actor is authenticated; the words that records carry."""

    SESSION = "session"
    KEY = "key"
    SINGLE_USER = "single-user"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or machine that asks for something.

    key_id is empty but for a key; ends_at is when this authentication ends, None in one-user mode.
    scopes bounds a key to these commands and actions of the access policy; empty leaves it to its role.
    """

    user_id: str
    how: How
    roles: frozenset[Role]
    key_id: str = ""
    ends_at: datetime | None = None
    scopes: frozenset[str] = frozenset()

    @property
    def is_single_user(self) -> bool:
        """Whether nobody had to log in."""
        return self.how is How.SINGLE_USER

    def fields_for(self, command_type: str) -> dict[str, Any]:
        """Return the fields of a command of this type that say who asks and how that is known."""
        return {person_field(command_type): self.user_id, "authenticated_by": self.how.value}

    def is_author_of(self, command: Any) -> bool:
        """Return whether a command carries this actor, and nobody's approval yet."""
        expected = self.fields_for(type(command).__name__)
        same = all(getattr(command, name) == value for name, value in expected.items())
        return same and getattr(command, "approved_by", None) is None

    def __str__(self) -> str:
        return in_words(self.user_id, self.how, self.key_id)


def in_words(user_id: str, how: How, key_id: str = "") -> str:
    """Say who it is and how that is known, e.g. maria (session)."""
    if how is How.SINGLE_USER:
        return f"{user_id} (one-user mode, nobody logs in)"
    return f"{user_id} ({how}{f' {key_id}' if key_id else ''})"


def single_user() -> Actor:
    """Return the actor of an installation without users: the login of this process, with every role.

    The operating system is asked who that is; LOGNAME and the like are anybody's word.
    """
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container often runs with a uid that has no name
        name = f"uid-{uid}"
    return Actor(f"{How.SINGLE_USER}:{name}", How.SINGLE_USER, frozenset(Role))
