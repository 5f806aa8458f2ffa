"""`saldo user`, `saldo login`, `saldo logout`, `saldo whoami`: who may use this installation, and who does now."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from app.access.roles import Role
from app.cli import identity, operators
from app.output.terminal import say

if TYPE_CHECKING:
    from app.access.keeper import UserKeeper

UserArgument = Annotated[str, typer.Argument(help="User id: a login name, e.g. mweber.")]
RolesOption = Annotated[
    list[Role], typer.Option("--role", help="What this user is here for; may be given several times.")
]
StdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, its first line.")
]


def register(app: typer.Typer) -> None:
    """Hang `user add|list|...` and `login`, `logout`, `whoami` below the root."""
    operators.add_group(
        app,
        "user",
        "Who may use this installation, and as what.",
        {
            "add": add,
            "list": list_users,
            "disable": disable,
            "enable": enable,
            "set-password": set_password,
            "set-roles": set_roles,
            "set-subject": set_subject,
            "add-key": add_key,
            "revoke-key": revoke_key,
        },
    )
    app.command()(login)
    app.command()(logout)
    app.command()(whoami)


def add(
    user: UserArgument,
    role: RolesOption,
    machine: Annotated[bool, typer.Option("--machine", help="No password: it has keys alone.")] = False,
    password_stdin: StdinOption = False,
) -> None:
    """Add a user.

    The first one must be an admin: from then on everybody logs in, and one-user mode is over.
    """
    keeper = _managed()
    is_first = not identity.access().store.read()
    password = None if machine else _new_password(password_stdin)
    keeper.add_user(user, role, password)
    say(f"user {user.strip().casefold()} is added: {', '.join(role)}")
    if is_first:
        say(f"one-user mode is over: log in with `saldo login {user.strip().casefold()}`")


def list_users() -> None:
    """List users, roles and keys.

    Keys by their id; no password and no key is shown.
    """
    access = identity.access()
    identity.permit("manage-users")
    found, now = access.store.read(), datetime.now(UTC)
    if not found:
        say(access.notice())
    for user in found.users:
        kind = "" if user.password_hash else ", machine"
        say(f"{user.user_id}  {', '.join(user.roles)}{kind}{', disabled' if user.is_disabled else ''}")
        for key in user.keys:
            ends = (
                "revoked"
                if key.is_revoked
                else "expired"
                if now >= key.expires_at
                else f"until {key.expires_at:%Y-%m-%d}"
            )
            bounds = f", for {' '.join(key.scopes)} alone" if key.scopes else ""
            say(f"    key {key.key_id}  {key.role}, {ends}{bounds}")


def disable(user: UserArgument) -> None:
    """Let a user in no more.

    Sessions and keys end at once. Records keep the name.
    """
    _managed().set_disabled(user, is_disabled=True)
    say(f"user {user.strip().casefold()} is disabled; sessions and keys have ended")


def enable(user: UserArgument) -> None:
    """Let a disabled user in again."""
    _managed().set_disabled(user, is_disabled=False)
    say(f"user {user.strip().casefold()} may log in again")


def set_password(user: UserArgument, password_stdin: StdinOption = False) -> None:
    """Give a user a new password.

    Every session of the user ends. A user may do that for oneself, an admin for everybody.
    """
    actor = identity.actor()
    if actor.user_id != user.strip().casefold():
        identity.permit("manage-users")
    keeper = identity.access().keeper(actor, now=datetime.now(UTC))
    keeper.set_password(user, _new_password(password_stdin))
    say(f"user {user.strip().casefold()} has a new password; earlier sessions have ended")


def set_roles(user: UserArgument, role: RolesOption) -> None:
    """Give a user other roles.

    In place of the earlier ones; they count at once.
    """
    _managed().set_roles(user, role)
    say(f"user {user.strip().casefold()} is now: {', '.join(role)}")


def set_subject(
    user: UserArgument,
    subject: Annotated[str, typer.Argument(help="As the provider names the person; an empty text takes it back.")],
) -> None:
    """Say who a user is at the provider of log-ins.

    The value of the claim that SALDO_API_OIDC_CLAIM names (docs/api.md). Every session of the user ends.
    """
    _managed().set_subject(user, subject)
    name = user.strip().casefold()
    say(f"user {name} logs in as {subject.strip()}" if subject.strip() else f"user {name} logs in by password alone")


def add_key(
    user: UserArgument,
    role: Annotated[Role, typer.Option("--role", help="One of the user's roles.")],
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="Until it expires.")] = 90,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="Only this command or action of access.yaml, e.g. read; again for each one more."),
    ] = None,
) -> None:
    """Make a key for a machine.

    It is shown once: only its digest is kept. Put it into a file of mode 0600 and name that in SALDO_ACCESS_KEY_PATH.
    """
    key = _managed().add_key(user, role, lasts=timedelta(days=days), scopes=scope or ())
    say(key)
    say(f"this key is shown once; {role}, for {days} days", err=True)


def revoke_key(key_id: Annotated[str, typer.Argument(help="As `saldo user list` shows it.")]) -> None:
    """End a key at once."""
    _managed().revoke_key(key_id)
    say(f"key {key_id} is revoked")


def login(user: UserArgument, password_stdin: StdinOption = False) -> None:
    """Log in on this machine; the session ends by itself."""
    access, now = identity.access(), datetime.now(UTC)
    token = access.log_in(user, _password("Password", is_piped=password_stdin), now=now)
    access.session_file.write(token)
    actor = access.actor_of_token(token, now=now)
    say(f"{actor.user_id} is logged in until {actor.ends_at:%Y-%m-%d %H:%M} UTC: {', '.join(sorted(actor.roles))}")


def logout() -> None:
    """End the session of this machine."""
    access = identity.access()
    if token := access.session_file.read():
        access.log_out(token, now=datetime.now(UTC))
    say("logged out" if access.session_file.remove() else "nobody was logged in")


def whoami() -> None:
    """Say who uses this installation now.

    With how that is known, and the roles.
    """
    found = identity.actor()
    ends = f", until {found.ends_at:%Y-%m-%d %H:%M} UTC" if found.ends_at else ""
    say(f"{found}{ends}: {', '.join(sorted(found.roles))}")
    if notice := identity.access().notice():
        say(notice)


def _managed() -> UserKeeper:
    """Return what changes users, for who may; in one-user mode that is everybody who can run this command."""
    return identity.access().keeper(identity.permit("manage-users"), now=datetime.now(UTC))


def _new_password(is_piped: bool) -> str:
    """Return a password given twice, or once where a program gives it."""
    from app.cli.errors import CannotRun

    password = _password("Password", is_piped=is_piped)
    if not is_piped and _password("The same again", is_piped=False) != password:
        raise CannotRun("the two are not the same")
    return password


def _password(question: str, *, is_piped: bool) -> str:
    """Return what is typed without being shown, or the first line of standard input. Never an argument.

    Those are visible.
    """
    import getpass

    from app.cli.errors import CannotRun

    if is_piped:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise CannotRun("there is no terminal to ask for the password; give it with --password-stdin")
    return getpass.getpass(f"{question}: ")
