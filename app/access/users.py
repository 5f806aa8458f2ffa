"""The users of an installation and what may be changed about them. Pure; app/access/store.py keeps the file.

A user is never removed, since records name users for ever; one who leaves is disabled. Whatever ends the trust in
earlier log-ins (disabling, a new password) raises the user's generation, and with it all earlier sessions end.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import datetime

import msgspec

from app.access.errors import AccessDenied, LoginNeeded
from app.access.history import Change
from app.access.roles import Role
from schemas.checks.attribution import name_problem
from schemas.checks.sensitive import find_sensitive

KEY_PREFIX = "saldo"
_USER_ID = re.compile(r"[a-z0-9](?:[a-z0-9._@-]{0,62}[a-z0-9])")
# Names that records use for somebody else: what a rule decides, and what the agents and processes ask for.
_LONGEST_SUBJECT = 255
_RESERVED = frozenset({"rule", "operator", "operators", "single-user", "saldo"})


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A machine's key: the digest of its secret, never the secret. Empty scopes are all that its role may."""

    key_id: str
    digest: str
    role: Role
    created_at: datetime
    expires_at: datetime
    is_revoked: bool = False
    scopes: tuple[str, ...] = ()


class User(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One user.

    password_hash is None for a machine, which has keys alone, and for whoever logs in by a provider alone; subject is
    who that is at the provider (OIDC), empty for nobody.
    """

    user_id: str
    roles: tuple[Role, ...]
    password_hash: str | None = None
    generation: int = 0
    is_disabled: bool = False
    keys: tuple[Key, ...] = ()
    subject: str = ""


class Users(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All users, by the time they were added, and what was changed about them (history.py)."""

    users: tuple[User, ...] = ()
    changes: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.users)

    def find(self, user_id: str) -> User | None:
        """Return the user of this id; letter case makes no difference."""
        return next((user for user in self.users if user.user_id == user_id.strip().casefold()), None)

    def of_subject(self, subject: str) -> User | None:
        """Return the user who is this at the provider of log-ins."""
        return next((user for user in self.users if subject and user.subject == subject), None)

    def active_with(self, roles: Iterable[Role]) -> list[str]:
        """Return ids of the users who have one of these roles and are not disabled."""
        wanted = set(roles)
        return [user.user_id for user in self.users if not user.is_disabled and wanted & set(user.roles)]


def added(users: Users, user_id: str, roles: Iterable[Role], password_hash: str | None) -> Users:
    """Add one user.

    Raises: AccessDenied when the id is no good or taken, or the first user is no admin who can log in.
    """
    name = user_id.strip().casefold()
    if not _USER_ID.fullmatch(name) or name in _RESERVED or name_problem(name) or find_sensitive("user", {"id": name}):
        raise AccessDenied(
            f"{user_id[:40]!a} is no user id; take 2 to 64 of a-z, 0-9, dot, dash, underline and @, that name somebody"
        )
    if users.find(name):
        raise AccessDenied(f"user {name} is there already; `saldo user list` shows all")
    user = User(user_id=name, roles=_roles(roles), password_hash=password_hash)
    if not users and (Role.ADMIN not in user.roles or password_hash is None):
        raise AccessDenied("the first user must be an admin with a password, or nobody could add another; --role admin")
    return msgspec.structs.replace(users, users=(*users.users, user))


def with_roles(users: Users, user_id: str, roles: Iterable[Role]) -> Users:
    """Replace the roles of a user; the new ones count at once.

    Raises: AccessDenied when nobody would be left to keep the users.
    """
    return _changed(users, msgspec.structs.replace(known(users, user_id), roles=_roles(roles)))


def with_password(users: Users, user_id: str, password_hash: str) -> Users:
    """Set a new password; every session of the user ends."""
    user = known(users, user_id)
    return _changed(users, msgspec.structs.replace(user, password_hash=password_hash, generation=user.generation + 1))


def with_subject(users: Users, user_id: str, subject: str) -> Users:
    """Say who a user is at the provider of log-ins; empty takes that back. Every session of the user ends.

    Raises: AccessDenied when another user is that.
    """
    user, named = known(users, user_id), subject.strip()
    taken = users.of_subject(named)
    if taken is not None and taken.user_id != user.user_id:
        raise AccessDenied(f"{taken.user_id} logs in as that already; one person is one user")
    if len(named) > _LONGEST_SUBJECT or not named.isprintable():
        raise AccessDenied(f"this names nobody at a provider; take its text, {_LONGEST_SUBJECT} characters at most")
    return _changed(users, msgspec.structs.replace(user, subject=named, generation=user.generation + 1))


def disabled(users: Users, user_id: str, *, is_disabled: bool) -> Users:
    """Disabled or enabled again; either way every earlier session of the user has ended.

    Raises: AccessDenied when nobody would be left to keep the users.
    """
    user = known(users, user_id)
    return _changed(users, msgspec.structs.replace(user, is_disabled=is_disabled, generation=user.generation + 1))


def with_key(
    users: Users,
    user_id: str,
    key_id: str,
    secret: str,
    role: Role,
    *,
    now: datetime,
    expires_at: datetime,
    scopes: Iterable[str] = (),
) -> Users:
    """Add a key of a user; only the digest of the secret is kept. Whether there are such scopes the caller knows.

    Raises: AccessDenied when the user lacks that role or is disabled, or the key would be expired.
    """
    user = known(users, user_id)
    if user.is_disabled:
        raise AccessDenied(f"{user.user_id} is disabled; `saldo user enable {user.user_id}` first")
    if role not in user.roles:
        raise AccessDenied(f"{user.user_id} is no {role}, but {_named(user.roles)}; a key has one of the user's roles")
    if expires_at <= now:
        raise AccessDenied("a key must expire later than now")
    key = Key(
        key_id=key_id,
        digest=digest(secret),
        role=role,
        created_at=now,
        expires_at=expires_at,
        scopes=tuple(sorted(set(scopes))),
    )
    return _changed(users, msgspec.structs.replace(user, keys=(*user.keys, key)))


def without_key(users: Users, key_id: str) -> Users:
    """Revoke a key.

    Raises: AccessDenied when there is none of this id.
    """
    for user in users.users:
        if any(key.key_id == key_id for key in user.keys):
            keys = tuple(
                msgspec.structs.replace(key, is_revoked=True) if key.key_id == key_id else key for key in user.keys
            )
            return _changed(users, msgspec.structs.replace(user, keys=keys))
    raise AccessDenied(f"there is no key {key_id[:40]!a}; `saldo user list` shows all")


def key_text(key_id: str, secret: str) -> str:
    """Return a key as its machine has it."""
    return f"{KEY_PREFIX}_{key_id}_{secret}"


def owner_of_key(users: Users, text: str, *, now: datetime) -> tuple[User, Key]:
    """Return whose key this is.

    Raises: LoginNeeded when it is nobody's, revoked, expired, or its user is disabled.
    """
    prefix, _, rest = text.strip().partition("_")
    key_id, _, secret = rest.partition("_")
    for user in users.users:
        for key in user.keys:
            if prefix == KEY_PREFIX and key.key_id == key_id and hmac.compare_digest(key.digest, digest(secret)):
                if key.is_revoked or user.is_disabled:
                    raise LoginNeeded(f"key {key_id} of {user.user_id} is revoked, or its user is disabled")
                if now >= key.expires_at:
                    raise LoginNeeded(f"key {key_id} of {user.user_id} expired at {key.expires_at:%Y-%m-%d %H:%M} UTC")
                return user, key
    raise LoginNeeded("this key is nobody's; `saldo user add-key` makes one")


def digest(secret: str) -> str:
    """Return what is kept of a key's secret. It has 256 random bits, so a plain digest can't be guessed back."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def known(users: Users, user_id: str) -> User:
    """Return the user of this id.

    Raises: AccessDenied when there is none.
    """
    user = users.find(user_id)
    if user is None:
        raise AccessDenied(f"there is no user {user_id[:40]!a}; `saldo user list` shows all")
    return user


def _changed(users: Users, changed: User) -> Users:
    everybody = tuple(changed if user.user_id == changed.user_id else user for user in users.users)
    after = msgspec.structs.replace(users, users=everybody)
    admins = [user for user in after.users if Role.ADMIN in user.roles and not user.is_disabled and user.password_hash]
    if not admins:
        raise AccessDenied(f"{changed.user_id} is the last admin; make another user an admin first")
    return after


def _roles(roles: Iterable[Role]) -> tuple[Role, ...]:
    found = tuple(role for role in Role if role in set(roles))
    if not found:
        raise AccessDenied(f"a user has at least one role; there are {_named(Role)}")
    return found


def _named(roles: Iterable[Role]) -> str:
    return ", ".join(roles)
