"""One installation's access: who is it, may this person do that, and the log-in. For every door, CLI and HTTP alike."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from app.access import passwords, tokens, users
from app.access.actor import Actor, How, single_user
from app.access.attempts import Attempts
from app.access.ended import EndedSessions
from app.access.errors import AccessDenied, LoginNeeded
from app.access.keeper import UserKeeper
from app.access.policy import Policy, check_limit, check_role, load_policy, needs_approval, policy_digest
from app.access.roles import Role
from app.access.settings import AccessSettings
from app.access.store import PrivateFile, UserStore
from schemas.failures import ContractBroken

ONE_USER_NOTICE = "one-user mode: nobody logs in, no limits, no four eyes"
_MOST_REMEMBERED = 1_000
_NEEDED = "this installation has users; log in with `saldo login USER`"


class Access:
    """Users, policy and log-in of one installation. Time is given to whatever depends on it."""

    def __init__(self, settings: AccessSettings, data_dir: Path) -> None:
        folder = data_dir / "access"
        self._settings = settings
        self.store = UserStore(settings.users_path or folder / "users.json")
        self._attempts = Attempts(self.store.path.with_name("attempts.json"))
        self._ended = EndedSessions(self.store.path.with_name("ended.json"))
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
        """Return what every page says of how people are known here; empty where people log in."""
        try:
            return "" if self.store.read() else f"{ONE_USER_NOTICE}; all is done as {single_user().user_id}"
        except ContractBroken as error:
            return str(error)

    # -- who is it? ------------------------------------------------------------------------------------------------

    def actor(self, *, now: datetime) -> Actor:
        """Return who uses this process: by key, by session, or the one user of an installation without users.

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
        """Return whose session this is, with the roles that the user has now.

        Raises: LoginNeeded when it is none, has ended, or its user was disabled or has a new password.
        """
        session = tokens.read(token, self.store.signing_key(), now=now)
        if self._ended.holds(token, now=now):
            raise LoginNeeded(f"{session.user_id} has logged out; log in again with `saldo login {session.user_id}`")
        user = self.store.read().find(session.user_id)
        if user is None or user.is_disabled or user.generation != session.generation:
            raise LoginNeeded(
                f"the session of {session.user_id} was ended: the user was disabled or has a new password; "
                f"log in again with `saldo login {session.user_id}`"
            )
        return Actor(user.user_id, How.SESSION, frozenset(user.roles), ends_at=session.expires_at)

    def actor_of_key(self, text: str, *, now: datetime) -> Actor:
        """Return whose key this is, with the key's role as long as its user has that role.

        Raises: LoginNeeded when it is nobody's, revoked, expired, or its user is disabled.
        """
        user, key = users.owner_of_key(self.store.read(), text, now=now)
        roles = frozenset({key.role} & set(user.roles))
        return Actor(user.user_id, How.KEY, roles, key.key_id, key.expires_at, frozenset(key.scopes))

    def actor_of_client(self, user_id: str, secret: str, *, now: datetime) -> Actor:
        """Return who sends this with every request, as database clients do: a password, a session's token or a key.

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
        """Return a session's token.

        Raises: LoginNeeded, in the same words and time whether the user or the password is wrong; after some failures
                in a row, how long to wait.
        """
        found = self.store.read()
        if not found:
            raise AccessDenied(f"there are no users to log in as ({ONE_USER_NOTICE}); `saldo user add` makes the first")
        self._attempts.begin(user_id, now=now)
        user = found.find(user_id)
        usable = None if user is None or user.is_disabled else user
        if not passwords.fits(password, usable.password_hash if usable else None) or usable is None:
            raise LoginNeeded("user or password is wrong, or the user is disabled")
        self._attempts.succeeded(user_id, now=now)
        lasts_s = self._settings.session_s
        return tokens.issue(usable.user_id, usable.generation, self.store.signing_key(), now=now, lasts_s=lasts_s)

    def log_in_by_provider(self, subject: str, *, now: datetime) -> str:
        """Return a session's token for the user who is this at the provider of log-ins, which has proved it.

        Raises: LoginNeeded when nobody is, or that user is disabled.
        """
        user = self.store.read().of_subject(subject)
        if user is None or user.is_disabled:
            raise LoginNeeded("nobody here logs in as that; an admin says who you are with `saldo user set-subject`")
        lasts_s = self._settings.session_s
        return tokens.issue(user.user_id, user.generation, self.store.signing_key(), now=now, lasts_s=lasts_s)

    def log_out(self, token: str, *, now: datetime) -> None:
        """End this session alone, for every process; nothing where it has ended."""
        with suppress(LoginNeeded):
            session = tokens.read(token, self.store.signing_key(), now=now)
            self._ended.add(token, session.expires_at, now=now)

    # -- may this person do that? ----------------------------------------------------------------------------------

    def check(self, actor: Actor, name: str) -> None:
        """Let pass who may do this command or action at some amount.

        Raises: AccessDenied naming the roles and the users who may.
        """
        try:
            check_role(self.policy, actor, name)
        except AccessDenied as error:
            raise self._with_names(error, self.policy.rule(name).roles) from None

    def may(self, actor: Actor, name: str) -> bool:
        """Return whether this person may do this command or action at some amount."""
        try:
            check_role(self.policy, actor, name)
        except AccessDenied:
            return False
        return True

    def must_be_approved(self, actor: Actor, command: Any, besides_minor: int = 0) -> bool:
        """Return whether this command of this actor counts only after another person's approval; see needs_approval.

        Raises: AccessDenied when the actor may not give it; ContractBroken when it does not carry this actor.
        """
        name = type(command).__name__
        if not actor.is_author_of(command):
            raise ContractBroken(f"{name} must carry {actor.user_id}, who gives it; build it from the actor's fields")
        try:
            return needs_approval(self.policy, actor, command, besides_minor)
        except AccessDenied as error:
            raise self._with_names(error, self.policy.rule(name).roles) from None

    def check_approver(self, actor: Actor, approval: Any, held: Any, proposed_by: str) -> None:
        """Let pass who may approve, and may give the held command of its amount, while its proposer is a user still.

        Raises: AccessDenied likewise.
        """
        self.check(actor, type(approval).__name__)
        proposer = self.store.read().find(proposed_by)
        if proposer is not None and proposer.is_disabled:
            raise AccessDenied(
                f"{proposed_by}, who proposed it, is disabled; reject it, and propose it again if need be"
            )
        try:
            check_limit(self.policy, actor, held)
        except AccessDenied as error:
            raise self._with_names(error, self.policy.rule(type(held).__name__).roles) from None

    def _with_names(self, error: AccessDenied, roles: Iterable[Role]) -> AccessDenied:
        names = self.store.read().active_with(roles)
        return AccessDenied(f"{error}: {', '.join(names[:10]) or 'nobody has such a role yet'}")

    # -- users -----------------------------------------------------------------------------------------------------

    def keeper(self, by: Actor, *, now: datetime) -> UserKeeper:
        """Return what changes users in this person's name; whether that person may is for `check` to say.

        Raises: AccessDenied to a machine's key: who gets in is a person's business.
        """
        return UserKeeper(self.store, self._attempts, by, now)

    def note_policy(self, by: Actor, *, now: datetime) -> None:
        """Record in the history of users that another policy counts from now on; nothing where it was recorded.

        A policy is a file that somebody edits; this says when it was first used, and by whom.
        """
        found = self.store.read()
        if not found:
            return
        detail = f"version {self.policy.version}, digest {policy_digest(self._settings.policy_path)}"
        known = next((change.detail for change in reversed(found.changes) if change.what == "policy"), "")
        if known != detail:
            self.store.change(lambda same: same, by=by, now=now, what="policy", subject="access.yaml", detail=detail)


def _named(actor: Actor, user_id: str) -> Actor:
    """Return the actor, when the client names nobody else beside the key or token; `default` names nobody."""
    if user_id.strip().casefold() not in ("", "default", actor.user_id):
        raise LoginNeeded("this key or session is another user's")
    return actor
