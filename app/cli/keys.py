"""`saldo keys`: the keys that sign commands, on the machine where they lie."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import identity
from app.cli.identity import needs
from app.output.terminal import say

if TYPE_CHECKING:
    from app.access.keeper import UserKeeper
    from app.composition.keys import KeyStore


def register(app: typer.Typer) -> None:
    """Hang `keys list|make|rotate|revoke` below the root."""
    keys = typer.Typer(help="Keys that sign commands (docs/security.md).", no_args_is_help=True)
    commands: dict[str, Callable[..., None]] = {"list": list_, "make": make, "rotate": rotate, "revoke": revoke}
    for name, command in commands.items():
        keys.command(name)(command)
    app.add_typer(keys, name="keys")


@needs("read")
def list_() -> None:
    """Show every key.

    Whose it is, whether commands are signed with it here, and since when it is revoked.
    """
    from schemas.failures import ContractBroken

    store = _store()
    found = store.all()
    if not found:
        raise ContractBroken(
            "this installation has no keys; `saldo up` makes them at its first start, `saldo keys make` now"
        )
    for key in found:
        is_current = store.current(key.role) == key.key_id
        revoked = f"  revoked from {key.revoked_from:%Y-%m-%d %H:%M:%S} UTC" if key.revoked_from else ""
        use = "signs here" if is_current else "proves only"
        say(f"{key.key_id}  {key.role:15}  made {key.made_at:%Y-%m-%d %H:%M:%S} UTC  {use}{revoked}")


def make(
    complete_ring: Annotated[
        bool,
        typer.Option(
            "--complete-ring",
            help="The ring of public keys was lost and nobody has a copy: add those of the private keys that are here.",
        ),
    ] = False,
) -> None:
    """Make a key for each role that has none here."""
    keeper = _kept_by_an_admin()
    added = _store().make(datetime.now(UTC), complete_ring=complete_ring)
    for key in added:
        keeper.note("make-signing-key", key.role, key.key_id)
        say(f"{key.role} signs with {key.key_id}")
    if not added:
        say("nothing to do: every role has a key here; `saldo keys rotate ROLE` replaces one")


def rotate(role: Annotated[str, typer.Argument(help="worker, operators, ...; `saldo keys list` names them.")]) -> None:
    """Replace the key of a role.

    What the old one signed stays good, also in a replay. A running process goes on with the old one until it starts
    again. Its private half is gone; if somebody else may have it, revoke it as well.
    """
    keeper = _kept_by_an_admin()
    key = _store().rotate(role, datetime.now(UTC))
    keeper.note("rotate-signing-key", role, key.key_id)
    say(f"{role} signs with {key.key_id} from its next start on")


def revoke(
    key_id: Annotated[str, typer.Argument(help="As `saldo keys list` shows it.")],
    start: Annotated[
        str | None, typer.Option("--from", help="An instant with its zone, ahead of now. Default: in 15 seconds.")
    ] = None,
) -> None:
    """Refuse what a key signs, from an instant on.

    Commands that the broker took before stay. Rotate first: a role whose only key is revoked can give no command.
    """
    from datetime import timedelta

    from app.cli.errors import CannotRun

    keeper, now = _kept_by_an_admin(), datetime.now(UTC)
    try:
        instant = now + timedelta(seconds=15) if start is None else datetime.fromisoformat(start)
    except ValueError:
        raise CannotRun(f"--from {start!r} is no instant; write it like {now.isoformat(timespec='seconds')}") from None
    if instant.tzinfo is None:
        raise CannotRun(f"--from {start!r} names no zone; write it like {now.isoformat(timespec='seconds')}")
    key = _store().revoke(key_id, instant.astimezone(UTC), now)
    keeper.note("revoke-signing-key", key.role, f"{key.key_id}, from {instant.astimezone(UTC).isoformat()}")
    say(f"{key.key_id} of {key.role} is revoked from {key.revoked_from:%Y-%m-%d %H:%M:%S} UTC on")


def _kept_by_an_admin() -> UserKeeper:
    """Return who may change keys; what is done is recorded with the changes of users.

    Raises: LoginNeeded; AccessDenied.
    """
    return identity.access().keeper(identity.permit("manage-users"), now=datetime.now(UTC))


def _store() -> KeyStore:
    from app.composition.keys import key_store
    from app.settings.settings import load_settings

    return key_store(load_settings())
