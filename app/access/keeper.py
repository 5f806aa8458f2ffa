"""Changes of users in one person's name, each recorded beside what it changed (history.py)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from app.access import passwords, users
from app.access.actor import Actor, How
from app.access.attempts import Attempts
from app.access.errors import AccessDenied
from app.access.policy import ACTIONS
from app.access.roles import Role
from app.access.store import UserStore
from app.access.users import Users
from schemas.files.yaml_lines import near
from schemas.operator_commands import operator_commands


class UserKeeper:
    """What one person changes about users at one moment."""

    def __init__(self, store: UserStore, attempts: Attempts, by: Actor, now: datetime) -> None:
        """Refuse a machine's key, which could otherwise make itself a person that approves."""
        if by.how is How.KEY:
            raise AccessDenied(f"{by} is a machine; a person who has logged in keeps users, passwords and keys")
        self._store = store
        self._attempts = attempts
        self._by = by
        self._now = now

    def add_user(self, user_id: str, roles: Iterable[Role], password: str | None) -> Users:
        """Add a user; a machine has no password."""
        kept, wanted = None if password is None else passwords.hashed(password), tuple(roles)
        detail = ", ".join(wanted) + (", machine" if kept is None else "")
        return self._change(lambda found: users.added(found, user_id, wanted, kept), "add", user_id, detail)

    def set_password(self, user_id: str, password: str) -> Users:
        """Give a user a new password; every session of the user ends, and so does a wait after failed log-ins."""
        kept = passwords.hashed(password)
        after = self._change(lambda found: users.with_password(found, user_id, kept), "set-password", user_id)
        self._attempts.succeeded(user_id, now=self._now)
        return after

    def set_roles(self, user_id: str, roles: Iterable[Role]) -> Users:
        """Give a user other roles; they count at once."""
        wanted = tuple(roles)
        return self._change(
            lambda found: users.with_roles(found, user_id, wanted), "set-roles", user_id, ", ".join(wanted)
        )

    def set_disabled(self, user_id: str, *, is_disabled: bool) -> Users:
        """Disable a user, or let one in again; sessions end at once, keys of a disabled user too."""
        return self._change(
            lambda found: users.disabled(found, user_id, is_disabled=is_disabled),
            "disable" if is_disabled else "enable",
            user_id,
        )

    def set_subject(self, user_id: str, subject: str) -> Users:
        """Say who a user is at the provider of log-ins; empty takes that back. Sessions of the user end."""
        return self._change(
            lambda found: users.with_subject(found, user_id, subject), "set-subject", user_id, subject.strip()
        )

    def add_key(self, user_id: str, role: Role, *, lasts: timedelta, scopes: Iterable[str] = ()) -> str:
        """Return a new key for a machine, whole; it can't be shown again.

        Raises: AccessDenied for a scope that is neither a command nor an action of the access policy.
        """
        bounds = sorted(set(scopes))
        known = ACTIONS | set(operator_commands())
        if unknown := [name for name in bounds if name not in known]:
            raise AccessDenied(f"{unknown[0][:40]!a} is no scope; {near(unknown[0], known, 'see access.yaml')}")
        key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        now, ends = self._now, self._now + lasts
        self._change(
            lambda found: users.with_key(found, user_id, key_id, secret, role, now=now, expires_at=ends, scopes=bounds),
            "add-key",
            user_id,
            f"{key_id}, {role}, until {ends:%Y-%m-%d}" + (f", for {' '.join(bounds)} alone" if bounds else ""),
        )
        return users.key_text(key_id, secret)

    def revoke_key(self, key_id: str) -> Users:
        """End a key at once."""
        return self._change(lambda found: users.without_key(found, key_id), "revoke-key", key_id)

    def note(self, what: str, subject: str, detail: str = "") -> None:
        """Record what an admin did beside the users: a key that signs commands, for one. Nothing without users."""
        if self._store.read():
            self._change(lambda found: found, what, subject, detail)

    def _change(self, step: Callable[[Users], Users], what: str, subject: str, detail: str = "") -> Users:
        named = subject.strip().casefold()
        return self._store.change(step, by=self._by, now=self._now, what=what, subject=named, detail=detail)
