"""One installation's access: who is it, may this person do that, and the log-in. For every door, CLI and HTTP alike."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from schemas.failures import ContractBroken
from streams.access import passwords, tokens, users
from streams.access.actor import Actor, How, single_user
from streams.access.errors import AccessDenied, LoginNeeded
from streams.access.policy import Policy, check_limit, check_role, load_policy, needs_approval
from streams.access.roles import Role
from streams.access.settings import AccessSettings
from streams.access.store import PrivateFile, UserStore
from streams.access.users import Users

ONE_USER_NOTICE = "one-user mode: nobody logs in, no limits, no four eyes"
_MOST_REMEMBERED = 1_000
_NEEDED = "this installation has users; log in with `saldo login USER`"


class Access:
    """Users, policy and log-in of one installation. Time is given to whatever depends on it."""

    def __init__(self, settings: AccessSettings, data_dir: Path) -> None:
        folder = data_dir / "access"
        self._settings = settings
        self.store = UserStore(settings.users_path or folder / "users.json")
        self.session_file = PrivateFile(settings.session_path or folder / "session")
        # Log-ins of clients by a digest that only this process can make; see actor_of_client.
        self._sessions: dict[bytes, str] = {}
        self._remembers_by = secrets.token_bytes(32)
        # A hash takes 64 MB, so guesses that come at once are tried one after the other.
        self._one_log_in = threading.Lock()

    @cached_property
    def policy(self) -> Policy:
        """Who may do what."""
        return load_policy(self._settings.policy_path)

    def notice(self) -> str:
        """What every page says of how people are known here; empty where people log in."""
        try:
            return "" if self.store.read() else f"{ONE_USER_NOTICE}; all is done as {single_user().user_id}"
        except ContractBroken as error:
            return str(error)

    # -- who is it? ------------------------------------------------------------------------------------------------

    def actor(self, *, now: datetime) -> Actor:
        """Who uses this process: by key, by session, or the one user of an installation without users.

        Raises: LoginNeeded when there are users and nobody has logged in.
        """
        if self._settings.key_path is not None:
            text = PrivateFile(self._settings.key_path).read()
            if text is None:
                raise ContractBroken(f"{self._settings.key_path} (SALDO_ACCESS_KEY_PATH) is not there")
            return self.actor_of_key(text, now=now)
        if not self.store.read():
            return single_user()
        token = self.session_file.read()
        if token is None:
            raise LoginNeeded(_NEEDED)
        return self.actor_of_token(token, now=now)

    def actor_of_token(self, token: str, *, now: datetime) -> Actor:
        """Whose session this is, with the roles that the user has now.

        Raises: LoginNeeded when it is none, has ended, or its user was disabled or has a new password.
        """
        session = tokens.read(token, self.store.signing_key(), now=now)
        user = self.store.read().find(session.user_id)
        if user is None or user.is_disabled or user.generation != session.generation:
            raise LoginNeeded(
                f"the session of {session.user_id} was ended: the user was disabled or has a new password; "
                f"log in again with `saldo login {session.user_id}`"
            )
        return Actor(user.user_id, How.SESSION, frozenset(user.roles), ends_at=session.expires_at)

    def actor_of_key(self, text: str, *, now: datetime) -> Actor:
        """Whose key this is, with the key's role as long as its user has that role.

        Raises: LoginNeeded when it is nobody's, revoked, expired, or its user is disabled.
        """
        user, key = users.owner_of_key(self.store.read(), text, now=now)
        return Actor(user.user_id, How.KEY, frozenset({key.role} & set(user.roles)), key.key_id, key.expires_at)

    def actor_of_client(self, user_id: str, secret: str, *, now: datetime) -> Actor:
        """Who sends this with every request, as clients of a database do: a password, a session's token or a key.

        A password is hashed once and stands for the session that it began, until that ends; the session is looked
        at each time, so a disabled user or a new password counts at once.
        Raises: LoginNeeded when it is nobody's, or another user's than the one named.
        """
        if secret.startswith(f"{users.KEY_PREFIX}_"):
            return _named(self.actor_of_key(secret, now=now), user_id)
        if secret.count(".") == 2:
            with suppress(LoginNeeded):
                return _named(self.actor_of_token(secret, now=now), user_id)
        remembered = hmac.new(
            self._remembers_by, f"{user_id}\0{secret}".encode("utf-8", "surrogatepass"), "sha256"
        ).digest()
        token = self._sessions.get(remembered)
        if token is not None:
            with suppress(LoginNeeded):
                return self.actor_of_token(token, now=now)
            self._sessions.pop(remembered, None)
        with self._one_log_in:
            token = self.log_in(user_id, secret, now=now)
        if len(self._sessions) >= _MOST_REMEMBERED:
            self._sessions.clear()
        self._sessions[remembered] = token
        return self.actor_of_token(token, now=now)

    def log_in(self, user_id: str, password: str, *, now: datetime) -> str:
        """A session's token.

        Raises: LoginNeeded, in the same words and time whether the user or the password is wrong.
        """
        found = self.store.read()
        if not found:
            raise AccessDenied(f"there are no users to log in as ({ONE_USER_NOTICE}); `saldo user add` makes the first")
        user = found.find(user_id)
        usable = None if user is None or user.is_disabled else user
        if not passwords.fits(password, usable.password_hash if usable else None) or usable is None:
            raise LoginNeeded("user or password is wrong, or the user is disabled")
        lasts_s = self._settings.session_s
        return tokens.issue(usable.user_id, usable.generation, self.store.signing_key(), now=now, lasts_s=lasts_s)

    # -- may this person do that? ----------------------------------------------------------------------------------

    def check(self, actor: Actor, name: str) -> None:
        """Let pass who may do this command or action at some amount.

        Raises: AccessDenied naming the roles and the users who may.
        """
        try:
            check_role(self.policy, actor, name)
        except AccessDenied as error:
            raise self._with_names(error, self.policy.rule(name).roles) from None

    def must_be_approved(self, actor: Actor, command: Any, besides_minor: int = 0) -> bool:
        """Whether this command of this actor counts only after another person's approval; see needs_approval.

        Raises: AccessDenied when the actor may not give it; ContractBroken when it does not carry this actor.
        """
        name = type(command).__name__
        if not actor.is_author_of(command):
            raise ContractBroken(f"{name} must carry {actor.user_id}, who gives it; build it from the actor's fields")
        try:
            return needs_approval(self.policy, actor, command, besides_minor)
        except AccessDenied as error:
            raise self._with_names(error, self.policy.rule(name).roles) from None

    def check_approver(self, actor: Actor, approval: Any, held: Any) -> None:
        """Let pass who may approve, and may give the held command of its amount.

        Raises: AccessDenied likewise.
        """
        self.check(actor, type(approval).__name__)
        try:
            check_limit(self.policy, actor, held)
        except AccessDenied as error:
            raise self._with_names(error, self.policy.rule(type(held).__name__).roles) from None

    def _with_names(self, error: AccessDenied, roles: Iterable[Role]) -> AccessDenied:
        names = self.store.read().active_with(roles)
        return AccessDenied(f"{error}: {', '.join(names[:10]) or 'nobody has such a role yet'}")

    # -- users -----------------------------------------------------------------------------------------------------

    def add_user(self, user_id: str, roles: Iterable[Role], password: str | None) -> Users:
        """Add a user; a machine has no password."""
        kept = None if password is None else passwords.hashed(password)
        return self.store.change(lambda found: users.added(found, user_id, roles, kept))

    def set_password(self, user_id: str, password: str) -> Users:
        """Give a user a new password; every session of the user ends."""
        kept = passwords.hashed(password)
        return self.store.change(lambda found: users.with_password(found, user_id, kept))

    def set_roles(self, user_id: str, roles: Iterable[Role]) -> Users:
        """Give a user other roles; they count at once."""
        wanted = tuple(roles)
        return self.store.change(lambda found: users.with_roles(found, user_id, wanted))

    def set_disabled(self, user_id: str, *, is_disabled: bool) -> Users:
        """Disable a user, or let one in again; sessions end at once, keys of a disabled user too."""
        return self.store.change(lambda found: users.disabled(found, user_id, is_disabled=is_disabled))

    def add_key(self, user_id: str, role: Role, *, now: datetime, lasts: timedelta) -> str:
        """A new key for a machine, whole; it can't be shown again."""
        key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        self.store.change(
            lambda found: users.with_key(found, user_id, key_id, secret, role, now=now, expires_at=now + lasts)
        )
        return users.key_text(key_id, secret)

    def revoke_key(self, key_id: str) -> Users:
        """End a key at once."""
        return self.store.change(lambda found: users.without_key(found, key_id))


def _named(actor: Actor, user_id: str) -> Actor:
    """The actor, when the client names nobody else beside the key or token; `default` names nobody."""
    if user_id.strip().casefold() not in ("", "default", actor.user_id):
        raise LoginNeeded("this key or session is another user's")
    return actor
