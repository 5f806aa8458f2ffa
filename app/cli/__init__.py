"""The `saldo` command: one file per command, each with a `register(app)` that hangs it below the root.

Importing a command module costs nothing but typer; what a command needs it imports when it runs, so `saldo --help` is
quick and a missing extra is noticed only by the command that needs it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command_name

from app.output.terminal import say

# In the order in which `saldo --help` shows them.
COMMANDS = (
    "demo",
    "up",
    "run",
    "serve",
    "dev",
    "sandbox",
    "topics",
    "schemas",
    "read",
    "write",
    "match",
    "imports",
    "schedules",
    "subscriptions",
    "deposits",
    "ledger",
    "dispute",
    "shop",
    "rebuild",
    "backfill",
    "abas",
    "waiting",
    "explain",
    "decide",
    "cases",
    "alerts",
    "approvals",
    "rules",
    "mapping",
    "risk",
    "dlq",
    "keys",
    "audit",
    "report",
    "users",
    "privacy",
)
_DEBUG = "--debug"
# Commands whose files are for the user and follow his umask; whatever the others write is for Saldo alone.
_WRITE_FOR_THE_USER = frozenset({"report", "sql", "match", "waiting", "topics", "schemas", "abas", "read", "mapping"})


class _Root(TyperGroup):
    """Says what is wrong with a word of the command line, without the name that pydantic gives to the error."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # typer's own Context, as commands get it
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")
            raise


def build(only: str | None = None) -> typer.Typer:
    """Return the root command with every command registered.

    With `only`, the other commands are names with a line of help: typer looks at each parameter of each command before
    the first of them runs, which takes longer than most commands.
    """
    app = typer.Typer(
        name="saldo",
        cls=_Root,
        help="Moves money facts from PayTrace into abas ERP, and proves that nothing was lost or doubled.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for command in COMMANDS:
        module = f"{__name__}.{command}"
        if find_spec(module) is not None:
            import_module(module).register(app)
    if only is not None:
        _keep_names_of_others(app, only)
    return app


def _keep_names_of_others(app: typer.Typer, only: str) -> None:
    for command in app.registered_commands:
        callback = command.callback
        assert callback is not None, "a command is made of a function"
        name = command.name or get_command_name(callback.__name__)
        if name != only:
            command.name, command.help = name, command.help or callback.__doc__
            command.callback = _nothing
    for group in app.registered_groups:
        if group.name != only:
            assert group.typer_instance is not None, "add_typer was given one"
            group.typer_instance.registered_commands.clear()
            group.typer_instance.registered_groups.clear()


def _nothing() -> None:
    """Stand for a command that this process does not run."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave the process with its exit code.

    Ensures: what goes wrong is one clear line on stderr and exit code 2 (3 for a fault of Saldo itself); a traceback
             is shown only with --debug, which may stand anywhere.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = _DEBUG in words
    command = next((word for word in words if not word.startswith("-")), "")  # options of the root stand before it
    if arguments is None and command and command not in _WRITE_FOR_THE_USER:
        os.umask(0o077)
    if arguments is None and command == "sql":
        _leave_secrets_behind()
    try:
        build(command)(args=[word for word in words if word != _DEBUG], prog_name="saldo")
    except Exception as error:
        if debug:
            raise
        from app.cli.errors import explain

        line, exit_code = explain(error)
        first, *more = line.splitlines() or [""]
        say(f"saldo: {first}", *(f"       {text}" for text in more), err=True)
        sys.exit(exit_code)


def _guard_key() -> bytes:
    """Return the key of this installation, looked for when a command first masks a number; most never do."""
    from app.settings.guard_key import guard_key_of
    from app.settings.settings import load_settings

    return guard_key_of(load_settings())


def _leave_secrets_behind() -> None:
    """Start this command again without the secrets of its environment: SQL runs in a process that knows none.

    sql_guard.py refuses what reads files; this is for the day on which it misses something. Changing os.environ would
    leave them in /proc/self/environ. The password of a ClickHouse server stays, because the command logs in with it.
    """
    from app.settings.names import without_secrets
    from app.settings.settings import Settings

    clean = without_secrets(os.environ, Settings, keep=("reporting",))
    if clean != dict(os.environ):
        os.execve(sys.executable, [sys.executable, "-m", __name__, *sys.argv[1:]], clean)  # noqa: S606  # our own argv


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        say(f"saldo {version('saldo')}")
        raise typer.Exit


def _root(
    debug: Annotated[bool, typer.Option(_DEBUG, help="Show the traceback when something goes wrong.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options of every command; --debug is read by main(), since it decides before a command is found."""
    from schemas.checks.sensitive import install_guard_key_source

    install_guard_key_source(_guard_key)
